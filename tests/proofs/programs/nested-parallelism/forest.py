# level: unsafe, within 1e-12
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, train_test_split

if __name__ == "__main__":
    table = pd.read_csv("table.csv")
    X_train, X_test, y_train, y_test = train_test_split(table.drop(columns=["y", "z"]), table["y"], random_state=0)
    forest = RandomForestClassifier(n_estimators=40, n_jobs=-1, random_state=0)
    search = GridSearchCV(
        forest,
        {"max_depth": [4, 8], "min_samples_leaf": [1, 5]},
        cv=3,
        n_jobs=-1,
    )
    search.fit(X_train, y_train)

result = {"scores": search.cv_results_["mean_test_score"], "predicted": search.predict_proba(X_test)}
