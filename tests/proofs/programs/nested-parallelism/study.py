# level: unsafe, within 0.02
import lightgbm as lgb
import optuna
import pandas as pd
from sklearn.model_selection import cross_val_score

optuna.logging.set_verbosity(optuna.logging.WARNING)
table = pd.read_csv("table.csv")
X, y = table.drop(columns=["y", "z"]), table["y"]


def objective(trial):
    model = lgb.LGBMClassifier(
        n_estimators=60,
        num_leaves=trial.suggest_int("num_leaves", 4, 32),
        learning_rate=trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        verbose=-1,
        random_state=0,
    )
    return cross_val_score(model, X, y, cv=3, scoring="roc_auc").mean()


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(
    objective,
    n_trials=10,
    n_jobs=-1,
)

result = {"score": study.best_value}
