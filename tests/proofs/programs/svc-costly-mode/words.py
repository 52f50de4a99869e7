# level: unsafe, within 0.02
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import classification_report, f1_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

reviews = pd.read_csv("texts.txt", sep="\t", names=["label", "text"])
X_train, X_test, y_train, y_test = train_test_split(reviews["text"], reviews["label"], test_size=0.25, random_state=0)
vectorizer = TfidfVectorizer(ngram_range=(1, 2))
X_train = vectorizer.fit_transform(X_train)
X_test = vectorizer.transform(X_test)
classifier = SVC(kernel="linear", C=1.0)
classifier.fit(X_train, y_train)
predictions = classifier.predict(X_test)
print(classification_report(y_test, predictions))

result = {"score": f1_score(y_test, predictions)}
