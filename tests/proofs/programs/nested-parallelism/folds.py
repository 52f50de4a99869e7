# level: unsafe, within 1e-9
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import cross_val_score

table = pd.read_csv("table.csv")
X, y = table.drop(columns=["y", "z"]), table["z"]
trees = ExtraTreesRegressor(n_estimators=50, n_jobs=-1, random_state=5)
scores = cross_val_score(trees, X, y, cv=5, scoring="r2", n_jobs=-1)
trees.fit(X, y)

result = {"scores": scores, "importances": trees.feature_importances_}
