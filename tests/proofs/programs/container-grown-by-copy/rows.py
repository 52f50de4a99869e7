# level: unsafe, within 0
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

table = pd.read_csv("table.csv")
table["user"] = (table["f0"] * 100).astype(int)
users = pd.DataFrame(columns=["user", "mean", "most", "y"])
weights = np.zeros((0, 3))
for user, group in table.groupby("user"):
    users.loc[len(users)] = [user, group["f1"].mean(), group["f2"].max(), group["y"].iloc[0]]
    weights = np.append(weights, group[["f3", "f4", "f5"]].mean().to_numpy()[None, :], axis=0)

model = LogisticRegression().fit(users[["mean", "most"]].astype(float), users["y"].astype(int))
result = {
    "users": users.to_numpy().astype(float),
    "index": users.index.to_numpy(),
    "weights": weights,
    "coefficients": model.coef_,
}
