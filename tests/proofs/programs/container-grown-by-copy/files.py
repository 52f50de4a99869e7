# level: safe
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

for number, part in pd.read_csv("table.csv").groupby(np.arange(600) // 5):
    part.to_csv(f"part{number}.csv", index=False)

table = pd.DataFrame()
number = 0
while number < 120:
    part = pd.read_csv(f"part{number}.csv")
    table = pd.concat([table, part], ignore_index=True)
    number += 1

model = Ridge().fit(table.drop(columns=["y", "z"]), table["z"])
result = {
    "table": table.to_numpy(),
    "types": [int(each == np.float64) for each in table.dtypes],
    "index": table.index.to_numpy(),
    "weights": model.coef_,
}
