"""Datasets by what a sample costs, and the functions that decode one. Data only."""

from __future__ import annotations

__all__ = [
    "DECODERS",
    "DECODER_PREFIXES",
    "DECODING_DATASETS",
    "IN_MEMORY_DATASETS",
    "TOY_DATASETS",
    "TRANSFORMING_DATASETS",
]

TOY_DATASETS = frozenset(
    f"torchvision.datasets.{name}"
    for name in "MNIST FashionMNIST KMNIST EMNIST QMNIST USPS FakeData SEMEION Omniglot".split()
)
IN_MEMORY_DATASETS = frozenset(("torch.utils.data.TensorDataset", "torch.utils.data.dataset.TensorDataset"))
DECODING_DATASETS = frozenset(
    f"torchvision.datasets.{name}"
    for name in """ImageFolder DatasetFolder ImageNet Places365 CocoDetection CocoCaptions VOCDetection VOCSegmentation
    CelebA Caltech101 Caltech256 Flowers102 Food101 OxfordIIITPet StanfordCars FGVCAircraft Cityscapes SBDataset LSUN
    INaturalist Country211 DTD EuroSAT GTSRB SUN397 Kinetics HMDB51 UCF101 Flickr8k Flickr30k WIDERFace""".split()
)
TRANSFORMING_DATASETS = frozenset(f"torchvision.datasets.{name}" for name in "CIFAR10 CIFAR100 STL10 SVHN PCAM".split())
"""Held in memory, but augmented image by image when a transform is given."""

DECODERS = frozenset(
    """PIL.Image.open cv2.imread cv2.VideoCapture cv2.resize cv2.imdecode librosa.load librosa.core.load
    torchaudio.load soundfile.read skimage.io.imread imageio.imread imageio.v2.imread matplotlib.image.imread
    matplotlib.pyplot.imread scipy.io.wavfile.read scipy.misc.imread scipy.io.loadmat nibabel.load pydicom.dcmread
    pydicom.read_file SimpleITK.ReadImage tifffile.imread rasterio.open torchvision.io.read_image
    torchvision.io.decode_image torchvision.io.read_video torchvision.datasets.folder.default_loader
    torchvision.datasets.folder.pil_loader decord.VideoReader numpy.load h5py.File openslide.OpenSlide
    keras.preprocessing.image.load_img keras.utils.load_img accimage.Image turbojpeg.TurboJPEG rawpy.imread
    jpeg4py.JPEG mmcv.imread imageio.v3.imread skimage.transform.resize skimage.transform.rescale
    skimage.transform.rotate scipy.ndimage.imread soundfile.SoundFile pydub.AudioSegment.from_file
    pydub.AudioSegment.from_wav decord.AudioReader torchcodec.decoders.VideoDecoder av.open wave.open zarr.open
    open3d.io.read_point_cloud trimesh.load laspy.read nibabel.nifti1.load""".split()
)
DECODER_PREFIXES = ("librosa.feature.", "torchaudio.transforms.", "albumentations.", "imgaug.")
