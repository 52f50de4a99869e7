"""Search the settings of a random forest on a table of sales."""

import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV

table = pd.read_csv("sales.csv")
X, y = table.drop(columns="price"), table["price"]

grid = {
    "n_estimators": [100, 200, 400, 800],
    "max_depth": [None, 8, 16, 32],
    "min_samples_leaf": [1, 2, 4, 8],
    "max_features": ["sqrt", 0.3, 0.6, 1.0],
}
search = GridSearchCV(RandomForestRegressor(), grid, cv=5, n_jobs=-1)
search.fit(X, y)
print(search.best_params_)
