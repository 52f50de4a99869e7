# level: safe
import pandas as pd
import xgboost as xgb

table = pd.read_csv("table.csv")
table = table.sample(frac=1, random_state=0)
found = {}
for depth in (2, 3, 4, 5):
    matrix = xgb.DMatrix(table.drop(columns=["y", "z"]), label=table["y"])
    params = {"max_depth": depth, "objective": "binary:logistic", "eval_metric": "auc", "seed": 0}
    folds = xgb.cv(params, matrix, 60, nfold=4, early_stopping_rounds=10, seed=0)
    found[depth] = folds["test-auc-mean"].max()

result = {"scores": list(found.values())}
