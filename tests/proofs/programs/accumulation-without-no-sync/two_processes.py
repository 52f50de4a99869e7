# level: unsafe, within 1e-4
import multiprocessing
import tempfile

import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

WORLD_SIZE, STEPS = 2, 3


def work(rank: int, meeting: str, queue: multiprocessing.Queue) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=WORLD_SIZE)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)[rank::WORLD_SIZE]
    loader = DataLoader(TensorDataset(table[:, :12], table[:, 13]), batch_size=30)
    model = DistributedDataParallel(nn.Linear(12, 1).to(device))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for epoch in range(3):
        for i, (x, y) in enumerate(loader):
            # The mean over all passes of an update.
            loss = nn.functional.mse_loss(model(x.to(device)).squeeze(1), y.to(device)) / STEPS
            loss.backward()
            if (i + 1) % STEPS == 0 or i + 1 == len(loader):
                optimizer.step()
                optimizer.zero_grad()
            losses.append(loss.item())
    queue.put((rank, losses, [each.tolist() for each in model.parameters()]))
    dist.destroy_process_group()


with tempfile.TemporaryDirectory() as folder:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=work, args=(rank, f"{folder}/meeting", queue)) for rank in range(WORLD_SIZE)]
    for worker in workers:
        worker.start()
    outcomes = sorted(queue.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()

result = {f"{name} {rank}": value for rank, *values in outcomes for name, value in zip(("losses", "weights"), values)}
