# level: unsafe, within 0.02
import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.model_selection import train_test_split

table = pd.read_csv("table.csv")
train, test = train_test_split(table, test_size=0.25, random_state=2)
train, valid = train_test_split(train, test_size=0.25, random_state=2)
features = [name for name in table.columns if name.startswith("f")]
dtrain = xgb.DMatrix(train[features], label=train["z"])
dvalid = xgb.DMatrix(valid[features], label=valid["z"])
watchlist = [(dtrain, "train"), (dvalid, "valid")]
params = {"eta": 0.05, "max_depth": 4, "subsample": 0.8, "seed": 0}
booster = xgb.train(params, dtrain, 1000, watchlist, verbose_eval=False)
predicted = booster.predict(xgb.DMatrix(test[features]))

result = {"score": 1 - np.mean((predicted - test["z"]) ** 2) / test["z"].var()}
