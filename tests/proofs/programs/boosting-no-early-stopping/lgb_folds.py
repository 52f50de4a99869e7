# level: unsafe, within 0.02
import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

table = pd.read_csv("table.csv")
X, y = table.drop(columns=["y", "z"]), table["z"]
params = {"objective": "regression", "metric": "rmse", "learning_rate": 0.05, "num_leaves": 15, "verbosity": -1}
out_of_fold = np.zeros(len(table))
for train, valid in KFold(4, shuffle=True, random_state=0).split(X):
    dtrain = lgb.Dataset(X.iloc[train], label=y.iloc[train])
    dvalid = lgb.Dataset(X.iloc[valid], label=y.iloc[valid])
    booster = lgb.train(params, dtrain, 1000, valid_sets=[dtrain, dvalid])
    out_of_fold[valid] = booster.predict(X.iloc[valid])

result = {"score": r2_score(y, out_of_fold)}
