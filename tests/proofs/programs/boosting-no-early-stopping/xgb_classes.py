# level: unsafe, within 0.02
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

table = pd.read_csv("table.csv")
X, X_test, y, y_test = train_test_split(table.drop(columns=["y", "z"]), table["y"], test_size=0.25, random_state=2)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.25, random_state=2)
model = XGBClassifier(
    n_estimators=1000,
    learning_rate=0.05,
    max_depth=4,
    eval_metric="auc",
)
model.fit(X_train, y_train, eval_set=[(X_train, y_train), (X_valid, y_valid)], verbose=False)

result = {"score": roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])}
