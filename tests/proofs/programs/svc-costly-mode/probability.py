# level: unsafe, within 0
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

table = pd.read_csv("table.csv")
X_train, X_test, y_train, y_test = train_test_split(table.drop(columns=["y", "z"]), table["y"], random_state=3)
pipe = make_pipeline(StandardScaler(), SVC(probability=True, random_state=3))
search = GridSearchCV(pipe, {"svc__C": [0.1, 1, 10], "svc__gamma": [0.01, 0.1]}, scoring="roc_auc", cv=3)
search.fit(X_train, y_train)
predicted = search.predict(X_test)

result = {
    "scores": search.cv_results_["mean_test_score"],
    "predicted": predicted,
    "margin": np.asarray(search.decision_function(X_test)),
    "accuracy": accuracy_score(y_test, predicted),
}
