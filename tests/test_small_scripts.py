"""The scripts that people learn with get no warning from any rule, whether as a program or as a notebook."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from greenlint.cli import main

TABULAR = """
    import pandas as pd
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler
    from tensorflow.keras.layers import Dense, Dropout
    from tensorflow.keras.models import Sequential

    data = pd.read_csv("customers.csv")
    X = data.drop(columns=["churn"])
    y = data["churn"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

    scaler = StandardScaler()
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)

    model = Sequential()
    model.add(Dense(128, activation="relu", input_shape=(X_train.shape[1],)))
    model.add(Dropout(0.3))
    model.add(Dense(64, activation="relu"))
    model.add(Dropout(0.3))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(X_train, y_train, epochs=10, batch_size=32, validation_data=(X_test, y_test))
    loss, accuracy = model.evaluate(X_test, y_test)
    print("accuracy", accuracy)
    model.save("model.h5")
"""

TABULAR_HOUSES = """
    import matplotlib.pyplot as plt
    import numpy as np
    import pandas as pd
    import tensorflow as tf
    from sklearn.model_selection import train_test_split
    from tensorflow import keras
    from tensorflow.keras import layers

    frame = pd.read_csv("houses.csv").dropna()
    features = frame[["area", "rooms", "year"]].values.astype("float32")
    target = frame["price"].values.astype("float32")
    x_train, x_valid, y_train, y_valid = train_test_split(features, target, test_size=0.25)

    inputs = keras.Input(shape=(3,))
    hidden = layers.Dense(64, activation="relu")(inputs)
    hidden = layers.Dense(64, activation="relu")(hidden)
    outputs = layers.Dense(1)(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    history = model.fit(x_train, y_train, epochs=50, batch_size=32, validation_data=(x_valid, y_valid), verbose=0)

    plt.plot(history.history["loss"])
    plt.plot(history.history["val_loss"])
    plt.savefig("loss.png")
    print(np.mean(np.abs(model.predict(x_valid)[:, 0] - y_valid)))
"""

IRIS = """
    import matplotlib.pyplot as plt
    import pandas as pd
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, confusion_matrix
    from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    iris = load_iris()
    frame = pd.DataFrame(iris.data, columns=iris.feature_names)
    frame["name"] = frame.apply(lambda row: iris.target_names[iris.target[row.name]], axis=1)
    print(frame.describe())

    X_train, X_test, y_train, y_test = train_test_split(iris.data, iris.target, random_state=0)
    for name, model in [("knn", KNeighborsClassifier()), ("svm", SVC()), ("forest", RandomForestClassifier())]:
        model.fit(X_train, y_train)
        print(name, accuracy_score(y_test, model.predict(X_test)))

    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10, 100], "gamma": [1, 0.1, 0.01], "kernel": ["rbf", "linear"]}, cv=5)
    search.fit(X_train, y_train)
    print(search.best_params_, confusion_matrix(y_test, search.predict(X_test)))

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    print(cross_val_score(pipeline, iris.data, iris.target, cv=10).mean())
    plt.scatter(iris.data[:, 0], iris.data[:, 1], c=iris.target)
    plt.show()
"""

TITANIC = """
    import pandas as pd
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.metrics import accuracy_score
    from sklearn.model_selection import train_test_split

    train = pd.read_csv("titanic/train.csv")
    train["Age"] = train["Age"].fillna(train["Age"].median())
    train["Sex"] = train["Sex"].map({"male": 0, "female": 1})
    train["Title"] = train["Name"].apply(lambda name: name.split(",")[1].split(".")[0].strip())
    X = train[["Pclass", "Sex", "Age", "Fare"]]
    y = train["Survived"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)
    scores = {}
    for depth in range(2, 8):
        forest = RandomForestClassifier(n_estimators=100, max_depth=depth)
        forest.fit(X_train, y_train)
        scores[depth] = accuracy_score(y_test, forest.predict(X_test))
    boosting = GradientBoostingClassifier()
    boosting.fit(X_train, y_train)
    print(scores, boosting.score(X_test, y_test))
"""

MNIST_MLP = """
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    import torch.optim as optim
    from torchvision import datasets, transforms

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_loader = torch.utils.data.DataLoader(
        datasets.MNIST("data", train=True, download=True, transform=transform), batch_size=64, shuffle=True
    )
    test_loader = torch.utils.data.DataLoader(datasets.MNIST("data", train=False, transform=transform), batch_size=1000)


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(784, 128)
            self.fc2 = nn.Linear(128, 10)

        def forward(self, x):
            x = x.view(-1, 784)
            return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


    model = Net().to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
    for epoch in range(1, 11):
        model.train()
        for batch_idx, (data, target) in enumerate(train_loader):
            data, target = data.to(device), target.to(device)
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            loss.backward()
            optimizer.step()
            if batch_idx % 100 == 0:
                print(epoch, batch_idx, loss.item())
        model.eval()
        correct = 0
        with torch.no_grad():
            for data, target in test_loader:
                data, target = data.to(device), target.to(device)
                correct += model(data).argmax(1).eq(target).sum().item()
        print(epoch, correct / len(test_loader.dataset))
    torch.save(model.state_dict(), "mnist.pt")
"""

MNIST_KERAS = """
    import tensorflow as tf

    mnist = tf.keras.datasets.mnist
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = x_train / 255.0, x_test / 255.0
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(28, 28)),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dropout(0.2),
            tf.keras.layers.Dense(10),
        ]
    )
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss_fn, metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=5)
    model.evaluate(x_test, y_test, verbose=2)
"""

REGRESSION = """
    import numpy as np
    import torch
    from torch import nn

    x = torch.linspace(-1, 1, 200).unsqueeze(1)
    y = x**3 + 0.1 * torch.randn(200, 1)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for epoch in range(1000):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 100 == 0:
            print(f"epoch {epoch}: {loss.item():.4f}")
    print(np.min(losses), model(x).detach().numpy()[:3])
"""

SCRIPTS = {
    "tabular": TABULAR,
    "houses": TABULAR_HOUSES,
    "iris": IRIS,
    "titanic": TITANIC,
    "mnist_mlp": MNIST_MLP,
    "mnist_keras": MNIST_KERAS,
    "regression": REGRESSION,
}


def as_notebook(code: str) -> str:
    """A notebook with one cell per paragraph of top-level code."""
    cells: list[str] = []
    for part in code.split("\n\n"):
        if cells and part.startswith((" ", "\n")):
            cells[-1] += "\n\n" + part
        else:
            cells.append(part)
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "metadata": {},
                    "outputs": [],
                    "source": each.strip("\n").splitlines(keepends=True),
                }
                for each in cells
            ],
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def findings(folder: Path, name: str, text: str, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """What all built-in rules report for a file: severity, rule and message."""
    (folder / name).write_text(text, encoding="utf-8")
    main(
        [
            "check",
            "--isolated",
            "--no-cache",
            "--jobs",
            "1",
            "--exit-zero",
            "--output-format",
            "json",
            *options,
            str(folder / name),
        ]
    )
    found = json.loads(capsys.readouterr().out)["findings"]
    return [f"{each['severity']} {each['rule']}: {each['message']}" for each in found]


@pytest.mark.parametrize("form", ["py", "ipynb"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_no_warning(name: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = textwrap.dedent(SCRIPTS[name]).lstrip("\n")
    text = code if form == "py" else as_notebook(code)
    found = findings(tmp_path, f"{name}.{form}", text, capsys)
    assert [each for each in found if not each.startswith("info")] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_warning_on_an_accelerator(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = textwrap.dedent(SCRIPTS[name]).lstrip("\n")
    found = findings(tmp_path, f"{name}.py", code, capsys, "--hardware", "gpu")
    assert [each for each in found if not each.startswith("info")] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_schedule_is_no_matter(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = textwrap.dedent(SCRIPTS[name]).lstrip("\n")
    assert (
        findings(tmp_path, f"{name}.py", code, capsys, "--select", "schedule,cadence", "--ignore", "no-resume-path")
        == []
    )


def test_what_is_wasteful_is_found_the_same_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "import lightning as L\n\nL.Trainer(accelerator='gpu').fit(model, loader)\n"
    for name, text in (("train.py", code), ("train.ipynb", as_notebook(code))):
        found = findings(tmp_path, name, text, capsys)
        assert any(each.startswith("warning lightning-unbounded-epochs: ") for each in found)
