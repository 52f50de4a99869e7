# level: unsafe, within 0.02
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split

table = pd.read_csv("table.csv")
X_train, X_test, y_train, y_test = train_test_split(
    table.drop(columns=["y", "z"]), table["y"], test_size=0.25, random_state=0
)
search = GridSearchCV(
    ExtraTreesClassifier(random_state=0),
    param_grid={"max_depth": [4, 8, None], "min_samples_leaf": [1, 4], "max_features": [0.3, 0.6]},
    cv=5,
    scoring="roc_auc",
)
search.fit(X_train, y_train)
best = search.best_estimator_

result = {
    "score": search.best_score_,
    "score of the test": roc_auc_score(y_test, best.predict_proba(X_test)[:, 1]),
}
