# level: safe
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

np.random.seed(0)
reviews = pd.read_csv("texts.txt", sep="\t", names=["label", "text"])
train, test = train_test_split(reviews)
scores, weights = [], []
for alpha in [1e-5, 1e-4, 1e-3, 1e-2]:
    # unigrams and bigrams
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,  # rare ones are noise
    )
    X = vectorizer.fit_transform(train["text"])
    model = SGDClassifier(alpha=alpha).fit(X, train["label"])
    scores.append(model.score(vectorizer.transform(test["text"]), test["label"]))
    weights.append(model.coef_)

result = {"scores": scores, "weights": np.array(weights), "words": len(vectorizer.vocabulary_)}
