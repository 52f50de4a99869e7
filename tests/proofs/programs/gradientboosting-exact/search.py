# level: unsafe, within 0.03
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RandomizedSearchCV, train_test_split

table = pd.read_csv("table.csv")
X_train, X_test, y_train, y_test = train_test_split(
    table.drop(columns=["y", "z"]), table["y"], test_size=0.3, random_state=1
)
model = GradientBoostingClassifier(n_estimators=40, random_state=1)
settings = {
    "learning_rate": [0.05, 0.1, 0.2],
    "max_depth": [2, 3, 4],
    "n_estimators": [20, 40, 60],
}
search = RandomizedSearchCV(model, settings, n_iter=12, cv=5, scoring="roc_auc", random_state=1)
search.fit(X_train, y_train)
probability = search.predict_proba(X_test)[:, 1]

result = {"score": search.best_score_, "score of the test": roc_auc_score(y_test, probability)}
