# level: unsafe, within 0.02
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV

table = pd.read_csv("table.csv")
grid = {"max_depth": [2, 4, 8, 16], "max_features": [0.3, 0.6, 1.0], "min_samples_leaf": [1, 4, 16]}
search = GridSearchCV(RandomForestClassifier(n_estimators=20, random_state=0), grid, cv=3)
search.fit(table.drop(columns=["y", "z"]), table["y"])

result = {"score": search.best_score_}
