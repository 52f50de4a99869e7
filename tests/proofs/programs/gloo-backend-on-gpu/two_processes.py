# level: unsafe, within 1e-5
import multiprocessing
import sys
import tempfile

import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def work(rank: int, world_size: int, meeting: str, queue: multiprocessing.Queue) -> None:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world_size)
    torch.manual_seed(0)
    table = torch.tensor(pd.read_csv("table.csv").to_numpy(), dtype=torch.float32)[rank::world_size]
    device = torch.device(f"cuda:{rank}" if torch.cuda.is_available() else "cpu")
    net = nn.Linear(12, 1).to(device)
    model = DistributedDataParallel(net, device_ids=[rank] if torch.cuda.is_available() else None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for batch in table.split(50):
        batch = batch.to(device)
        loss = nn.functional.mse_loss(model(batch[:, :12]).squeeze(1), batch[:, 13])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    total = torch.tensor(losses)
    dist.all_reduce(total)
    if rank == 0:
        queue.put(total.tolist())
    dist.destroy_process_group()


world_size = torch.cuda.device_count() or 2
with tempfile.TemporaryDirectory() as folder:
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    queue = context.Queue()
    workers = [context.Process(target=work, args=(rank, world_size, f"{folder}/meeting", queue)) for rank in range(world_size)]
    for worker in workers:
        worker.start()
    totals = queue.get(timeout=60)
    for worker in workers:
        worker.join()

result = {"totals": totals}
