# level: unsafe, within 0.02
import pandas as pd
import xgboost as xgb
from sklearn.model_selection import train_test_split

table = pd.read_csv("table.csv")
features = [name for name in table.columns if name.startswith("f")]
train, test = train_test_split(table, test_size=0.25, random_state=7)
params = {
    "objective": "binary:logistic",
    "eval_metric": "auc",
    "tree_method": "exact",
    "max_depth": 4,
    "eta": 0.1,
    "seed": 7,
}
history = {}
booster = xgb.train(
    params,
    xgb.DMatrix(train[features], train["y"]),
    200,
    evals=[(xgb.DMatrix(test[features], test["y"]), "test")],
    evals_result=history,
    verbose_eval=False,
)

result = {"score": history["test"]["auc"][-1], "rounds": booster.num_boosted_rounds()}
