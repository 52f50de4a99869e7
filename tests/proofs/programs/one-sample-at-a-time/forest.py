# level: unsafe, within 0.000001
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

table = pd.read_csv("table.csv")
rows = table.iloc[:, :12].to_numpy()
model = RandomForestClassifier(20, random_state=0).fit(rows[:400], table["y"][:400])

labels = [model.predict([row])[0] for row in rows]
chances = [model.predict_proba([row])[0] for row in rows]

result = {"labels": [int(label) for label in labels], "chances": [chance.tolist() for chance in chances]}
