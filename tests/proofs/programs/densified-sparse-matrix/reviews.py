# level: unsafe, within 1e-5
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.naive_bayes import MultinomialNB

reviews = pd.read_csv("texts.txt", sep="\t", names=["label", "text"])
train, test = train_test_split(reviews, test_size=0.25, random_state=0)
vectorizer = TfidfVectorizer(ngram_range=(1, 3))
features = vectorizer.fit_transform(train["text"]).toarray()
print(features.shape)
X_fit, X_valid, y_fit, y_valid = train_test_split(features, train["label"], random_state=0)
model = LogisticRegression()
model.fit(X_fit, y_fit)
accuracy = model.score(X_valid, y_valid)
bayes = MultinomialNB().fit(features, train["label"])
folds = cross_val_score(bayes, features, train["label"], cv=4)
unseen = vectorizer.transform(test["text"]).toarray()
probability = (model.predict_proba(unseen) + bayes.predict_proba(unseen)) / 2

result = {"accuracy": accuracy, "folds": folds, "probability": np.asarray(probability), "weights": model.coef_}
