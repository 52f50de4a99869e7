# level: unsafe, within 0.03
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

table = pd.read_csv("table.csv")
X_train, X_test, y_train, y_test = train_test_split(table.drop(columns=["y", "z"]), table["z"], random_state=0)
model = HistGradientBoostingRegressor(
    max_iter=500,
    early_stopping=False,
    random_state=0,
)
model.fit(X_train, y_train)

result = {"score": model.score(X_test, y_test)}
