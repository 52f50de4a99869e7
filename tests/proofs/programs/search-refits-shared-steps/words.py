# level: unsafe, within 0
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

reviews = pd.read_csv("texts.txt", sep="\t", names=["label", "text"])
train, test = train_test_split(reviews, test_size=0.25, random_state=0)
tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
pipe = Pipeline(
    [
        ("tfidf", tfidf),
        ("svd", TruncatedSVD(20, random_state=0)),
        ("clf", LogisticRegression()),
    ]
)
grid = {"clf__C": [0.01, 0.1, 1, 10], "clf__class_weight": [None, "balanced"]}
search = GridSearchCV(pipe, grid, cv=4, scoring="neg_log_loss", n_jobs=2)
search.fit(train["text"], train["label"])

result = {"scores": search.cv_results_["mean_test_score"], "predicted": search.predict_proba(test["text"])}
