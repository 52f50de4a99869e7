"""Well-known tables by what loads, names or describes them, and how large they are. Data only."""

from __future__ import annotations

import re

__all__ = [
    "FEW_ROWS",
    "LOADERS",
    "MADE",
    "PARTS",
    "RANDOM",
    "SHOWN_ROWS",
    "SMALL_COLUMNS",
    "SMALL_NAMES",
    "TOY_LOADERS",
    "TOY_ROWS",
]

TOY_ROWS = 5000
"""Generated samples up to this many are a toy."""

TOY_LOADERS = re.compile(
    r"""(?x)^sklearn\.datasets\.(?:load_(?:iris|digits|wine|breast_cancer|diabetes|boston|linnerud|sample_image\w*)
    |fetch_california_housing|fetch_olivetti_faces|fetch_species_distributions)$
    |^seaborn\.load_dataset$|^statsmodels\.(?:api\.)?datasets\.|^vega_datasets\.|^pydataset\.data$|^mglearn\.datasets\.
    |^keras\.datasets\.(?:boston_housing|california_housing)\.load_data$|^ISLP\.load_data$|^palmerpenguins\."""
)
"""Canonical names of what loads at most a few thousand rows."""
RANDOM = re.compile(
    r"^numpy\.random\.(?:rand|randn|random|random_sample|normal|uniform|randint|standard_normal|multivariate_normal|"
    r"RandomState|default_rng|poisson|beta|gamma|binomial)$|^torch\.rand\w*$|^scipy\.stats\.\w+\.rvs$"
)
"""Functions that make numbers at random."""
MADE = re.compile(r"^sklearn\.datasets\.(?:samples_generator\.)?make_\w+$")
"""Generated samples: a toy unless many are asked for."""
LOADERS = re.compile(
    r"""(?x)^(?:pandas|polars|dask\.dataframe|cudf|modin\.pandas|vaex|datatable)\.(?:read_\w+|from_\w+|fread|open)$
    |^numpy\.(?:load|loadtxt|genfromtxt|fromfile|memmap)$|^h5py\.File$|^joblib\.load$|^pickle\.loads?$|^scipy\.io\.\w+$
    |^sklearn\.datasets\.(?:fetch_\w+|load_files|load_svmlight_files?)$|^tensorflow_datasets\.load$|^datasets\.load_dataset$
    |^keras\.datasets\.\w+\.load_data$|^torchvision\.datasets\.|^builtins\.open$|^cv2\.imread$|^PIL\.Image\.open$
    |^nltk\.corpus\.|^csv\.(?:reader|DictReader)$|^json\.loads?$"""
)
"""What reads data whose size cannot be seen."""
PARTS = frozenset(("head", "sample", "tail", "nlargest", "nsmallest"))
"""Methods that keep a counted part of a table."""

SMALL_NAMES = re.compile(
    r"""(?xi)(?<![a-z])(?:titanic|iris(?![a-z])|wine_?quality|wine\.|(?:pima|diabetes)[\w\-]*\.(?:csv|data)|heart[\w\-]*\.csv|boston
    |breast[\-_ ]?cancer|wdbc|wisconsin|house-prices|mushrooms?\.csv|penguins|auto-?mpg|mpg\.csv|insurance\.csv
    |salary_data
    |social_network_ads|mall_customers|50_startups|advertising\.csv|german_credit|abalone|glass\.csv|sonar|ionosphere|seeds\.csv
    |zoo\.csv|student[\w\-]*\.csv|wa_fn-usec|column_[23]c_weka|voice\.csv|spam\.csv|bird\.csv|energy_efficiency|enb2012|banknote
    |car_evaluation|concrete[\w\-]*\.(?:csv|xls)|airfoil|yacht|haberman|balance-scale|tic-tac-toe|vehicle\.csv|ecoli|yeast
    |hepatitis|lymphography|liver|ilpd|parkinsons|transfusion|fertility|cleveland|day\.csv|usa_?housing|forestfires)"""
)
"""Files and folders of well-known tables of fewer than ten thousand rows."""
FEW_ROWS = 10_000
SHOWN_ROWS = re.compile(r"Index: (\d+) entries|<p>(\d+) rows (?:\u00d7|\\u00d7|&times;) \d+ columns")
"""What pandas prints of the size of a table, as it stands in the outputs of a notebook."""
SMALL_COLUMNS: tuple[tuple[frozenset[str], int], ...] = (
    (frozenset(("Pclass", "Embarked", "SibSp", "Parch", "Survived", "Cabin")), 2),
    (
        frozenset(
            ("SalePrice", "GrLivArea", "OverallQual", "TotalBsmtSF", "GarageCars", "LotFrontage", "YearRemodAdd")
        ),
        2,
    ),
    (frozenset(("SepalLengthCm", "PetalLengthCm", "PetalWidthCm", "sepal_length", "petal_length", "petal_width")), 2),
    (frozenset(("Pregnancies", "DiabetesPedigreeFunction", "SkinThickness", "BloodPressure")), 2),
    (frozenset(("thalach", "oldpeak", "trestbps", "thal", "RestingECG", "Oldpeak", "ExerciseAngina")), 2),
    (frozenset(("radius_mean", "texture_mean", "concavity_mean", "fractal_dimension_mean", "perimeter_worst")), 2),
    (frozenset(("volatile acidity", "fixed acidity", "residual sugar")), 2),
    (frozenset(("LSTAT", "PTRATIO", "RAD", "CHAS", "INDUS")), 3),
    (frozenset(("JobSatisfaction", "YearsAtCompany", "Attrition", "MonthlyIncome", "DistanceFromHome")), 3),
    (frozenset(("battery_power", "px_height", "talk_time", "four_g", "mobile_wt")), 2),
    (frozenset(("TotalCharges", "MonthlyCharges", "Churn", "PaperlessBilling")), 3),
    (frozenset(("bill_length_mm", "culmen_length_mm", "flipper_length_mm", "body_mass_g")), 2),
    (frozenset(("rotting_flesh", "hair_length", "bone_length", "has_soul")), 2),
    (frozenset(("stalk-root", "gill-color", "spore-print-color", "cap-shape")), 2),
)
"""Columns of well-known tables of fewer than ten thousand rows, and how many of them tell the table."""
