# level: unsafe, within 0
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

table = pd.read_csv("table.csv")
X_train, X_test, y_train, y_test = train_test_split(table.drop(columns=["y", "z"]), table["y"], random_state=0)
scores = {}
for threshold in (0.3, 0.4, 0.5, 0.6):
    model = LGBMClassifier(n_estimators=50, num_leaves=15, verbose=-1)
    model.fit(X_train, y_train)
    scores[threshold] = f1_score(y_test, model.predict_proba(X_test)[:, 1] > threshold)

result = {"scores": list(scores.values())}
