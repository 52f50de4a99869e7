# level: unsafe, within 0
import pandas as pd
from sklearn.linear_model import LinearRegression

table = pd.read_csv("table.csv")
table["kind"] = (table["f5"] * 3).astype(int).astype(str)
table.loc[table.index % 7 == 0, "f6"] = None
table.loc[table.index % 5 == 0, "kind"] = None

table["sum"] = table.apply(lambda row: row["f0"] + 2 * (row["f1"] - row["f2"]), axis=1)
table["ratio"] = table.apply(lambda row: row["f3"] / row["f4"], axis=1)
table["side"] = table.apply(
    lambda row: 1 if row["f6"] > 0.5 else (0 if row["f6"] > -0.5 else -1),
    axis=1,
)
table["inner"] = table.apply(lambda r: not (r["f7"] < -1 or r["f7"] > 1), axis=1)
table["least"] = table.apply(lambda r: r["f8"] if r["f8"] > 0 else -r["f8"], axis=1)
table["kind"] = table.apply(lambda r: "0" if r["f9"] > 0 and r["kind"] == "1" else r["kind"], axis=1)
table["flipped"] = table.apply(lambda r: r["f10"] * -1 if r["kind"] == "0" else r["f10"], axis=1)
table["code"] = table.apply(lambda r: "a" if r["kind"] == "1" else "b", axis=1)

features = ["sum", "side", "least", "flipped"]
model = LinearRegression().fit(table[features], table["z"])
result = {
    "made": table[["sum", "ratio", "side", "inner", "least", "flipped"]].fillna(-99).to_numpy(dtype=float),
    "kinds": pd.to_numeric(table["kind"]).fillna(-99).to_numpy(),
    "codes": (table["code"] == "a").to_numpy(),
    "weights": model.coef_,
}
