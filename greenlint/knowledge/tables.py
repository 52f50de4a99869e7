"""Well-known tables by what loads, names or describes them, and how large they are. Data only."""

from __future__ import annotations

import re

__all__ = [
    "CUT_NAMES",
    "FEW_ROWS",
    "LARGE_COLUMNS",
    "LARGE_NAMES",
    "LARGE_SIGNS",
    "LOADERS",
    "MADE",
    "PARTS",
    "RANDOM",
    "SHOWN_ROWS",
    "SMALL_COLUMNS",
    "SMALL_NAMES",
    "TOY_LOADERS",
    "TOY_ROWS",
]

TOY_ROWS = 5000
"""Generated samples up to this many are a toy."""

TOY_LOADERS = re.compile(
    r"""(?x)^sklearn\.datasets\.(?:load_(?:iris|digits|wine|breast_cancer|diabetes|boston|linnerud|sample_image\w*)
    |fetch_california_housing|fetch_olivetti_faces|fetch_species_distributions)$
    |^seaborn\.load_dataset$|^statsmodels\.(?:api\.)?datasets\.|^vega_datasets\.|^pydataset\.data$|^mglearn\.datasets\.
    |^keras\.datasets\.(?:boston_housing|california_housing)\.load_data$|^ISLP\.load_data$|^palmerpenguins\."""
)
"""Canonical names of what loads at most a few thousand rows."""
RANDOM = re.compile(
    r"^numpy\.random\.(?:rand|randn|random|random_sample|normal|uniform|randint|standard_normal|multivariate_normal|"
    r"RandomState|default_rng|poisson|beta|gamma|binomial)$|^torch\.rand\w*$|^scipy\.stats\.\w+\.rvs$"
)
"""Functions that make numbers at random."""
MADE = re.compile(r"^sklearn\.datasets\.(?:samples_generator\.)?make_\w+$")
"""Generated samples: a toy unless many are asked for."""
LOADERS = re.compile(
    r"""(?x)^(?:pandas|polars|dask\.dataframe|cudf|modin\.pandas|vaex|datatable)\.(?:read_\w+|from_\w+|fread|open)$
    |^numpy\.(?:load|loadtxt|genfromtxt|fromfile|memmap)$|^h5py\.File$|^joblib\.load$|^pickle\.loads?$|^scipy\.io\.\w+$
    |^sklearn\.datasets\.(?:fetch_\w+|load_files|load_svmlight_files?)$|^tensorflow_datasets\.load$|^datasets\.load_dataset$
    |^keras\.datasets\.\w+\.load_data$|^torchvision\.datasets\.|^builtins\.open$|^cv2\.imread$|^PIL\.Image\.open$
    |^nltk\.corpus\.|^csv\.(?:reader|DictReader)$|^json\.loads?$"""
)
"""What reads data whose size cannot be seen."""
CUT_NAMES = re.compile(r"(?i)under_?sampl|down_?sampl|nearmiss|(?<![a-z])(?:tiny|small|mini|toy)(?![a-z])")
"""Names of what holds or makes a small part of the data."""
LARGE_NAMES = re.compile(
    r"""(?xi)(?<![a-z])(?:creditcard\.csv|cs-training|give-?me-?some-?credit|santander|order_products|instacart|train_users_2
    |airbnb-recruiting|quora|properties_201[67]|zillow|talkingdata|porto-seguro|home-credit|application_train|ieee-fraud
    |train_transaction|favorita|bosch-production|nyc-taxi|new-york-city-taxi|higgs|covtype|forest-cover|avazu|criteo
    |rossmann|sf-crime|expedia|outbrain|mercari|elo-merchant|amex-default|jane-street|ubiquant|g-research|m5-forecasting
    |ashrae|lanl-earthquake|allstate|microsoft-malware|champs-scalar|nfl-big-data|tabular-playground-series|lending-?club
    |loan\.csv|accepted_200\d|us-accidents|flights\.csv|yellow_tripdata|green_tripdata|movielens-(?:1|10|20|25)m|ml-(?:1|10|20|25)m
    |reviews\.csv\.gz|yelp_academic|amazon-?(?:fine-?food-?)?reviews|sentiment140|training\.1600000|ag_news|jigsaw|toxic-comment
    |kddcup|unsw-nb15|cic-?ids|nsl-?kdd|kddtrain|kddtest|covid.?19.*cases|crimes?_-_2001|adult\.(?:csv|data)|census-income
    |bank-full|bank-additional-full|diamonds\.csv|used.?cars|vehicles\.csv|craigslist)"""
)
"""Files and folders of well-known tables of ten thousand rows or more."""
LARGE_COLUMNS: tuple[tuple[frozenset[str], int], ...] = (
    (frozenset(("is_duplicate", "question1", "question2", "qid1")), 2),
    (frozenset(("order_dow", "days_since_prior_order", "add_to_cart_order", "order_hour_of_day")), 2),
    (frozenset(("parcelid", "logerror", "transactiondate", "fips")), 2),
    (frozenset(("ps_ind_03", "ps_car_13", "ps_reg_03", "ps_calc_01", "ps_ind_05_cat")), 2),
    (frozenset(("pickup_datetime", "dropoff_longitude", "pickup_longitude", "passenger_count")), 2),
    (frozenset(("SK_ID_CURR", "EXT_SOURCE_2", "AMT_CREDIT", "DAYS_BIRTH")), 1),
    (frozenset(("item_condition_id", "brand_name", "item_description", "category_name")), 2),
    (frozenset(("msno", "is_churn", "song_id", "source_screen_name")), 2),
    (frozenset(("PdDistrict", "Dates", "Descript", "Resolution")), 2),
    (frozenset(("TransactionAmt", "isFraud", "ProductCD", "card1")), 2),
    (frozenset(("StateHoliday", "CompetitionDistance", "Promo2SinceWeek")), 2),
    (frozenset(("NumberOfTimes90DaysLate", "SeriousDlqin2yrs", "RevolvingUtilizationOfUnsecuredLines")), 1),
    (frozenset(("click_time", "is_attributed", "attributed_time")), 1),
    (frozenset(("severe_toxic", "identity_hate", "comment_text")), 2),
    (frozenset(("date_first_booking", "timestamp_first_active", "country_destination")), 1),
    (frozenset(("ind_cco_fin_ult1", "fecha_dato", "ncodpers")), 1),
    (frozenset(("nameOrig", "oldbalanceOrg", "newbalanceOrig")), 1),
    (frozenset(("Soil_Type1", "Wilderness_Area1", "Horizontal_Distance_To_Hydrology")), 2),
    (frozenset(("fnlwgt", "education-num", "education_num", "capital-gain", "capital_gain")), 2),
)
"""Columns of well-known tables of ten thousand rows or more, and how many of them tell the table."""
LARGE_SIGNS = re.compile(
    r"reduce_mem|gc\.collect\(|\bchunksize\b|get_chunk\(|read_parquet|read_feather|read_hdf|read_gbq|read_sql|downcast="
    r"|dtype=\{|dtype=dtypes|\bdask\b|\bvaex\b|\bcudf\b|\bpyspark\b|memory_usage\("
)
"""What people write where memory is short: there are many rows, most likely."""
PARTS = frozenset(("head", "sample", "tail", "nlargest", "nsmallest"))
"""Methods that keep a counted part of a table."""

SMALL_NAMES = re.compile(
    r"""(?xi)(?<![a-z])(?:titanic|iris(?![a-z])|wine_?quality|wine\.|(?:pima|diabetes)[\w\-]*\.(?:csv|data)|heart[\w\-]*\.csv|boston
    |breast[\-_ ]?cancer|wdbc|wisconsin|house-prices|mushrooms?\.csv|penguins|auto-?mpg|mpg\.csv|insurance\.csv
    |salary_data
    |social_network_ads|mall_customers|50_startups|advertising\.csv|german_credit|abalone|glass\.csv|sonar|ionosphere|seeds\.csv
    |zoo\.csv|student[\w\-]*\.csv|wa_fn-usec|column_[23]c_weka|voice\.csv|spam\.csv|bird\.csv|energy_efficiency|enb2012|banknote
    |car_evaluation|concrete[\w\-]*\.(?:csv|xls)|airfoil|yacht|haberman|balance-scale|tic-tac-toe|vehicle\.csv|ecoli|yeast
    |hepatitis|lymphography|liver|ilpd|parkinsons|transfusion|fertility|cleveland|day\.csv|usa_?housing|forestfires)"""
)
"""Files and folders of well-known tables of fewer than ten thousand rows."""
FEW_ROWS = 10_000
SHOWN_ROWS = re.compile(r"Index: (\d+) entries|<p>(\d+) rows (?:\u00d7|\\u00d7|&times;) \d+ columns")
"""What pandas prints of the size of a table, as it stands in the outputs of a notebook."""
SMALL_COLUMNS: tuple[tuple[frozenset[str], int], ...] = (
    (frozenset(("Pclass", "Embarked", "SibSp", "Parch", "Survived", "Cabin")), 2),
    (
        frozenset(
            ("SalePrice", "GrLivArea", "OverallQual", "TotalBsmtSF", "GarageCars", "LotFrontage", "YearRemodAdd")
        ),
        2,
    ),
    (frozenset(("SepalLengthCm", "PetalLengthCm", "PetalWidthCm", "sepal_length", "petal_length", "petal_width")), 2),
    (frozenset(("Pregnancies", "DiabetesPedigreeFunction", "SkinThickness", "BloodPressure")), 2),
    (frozenset(("thalach", "oldpeak", "trestbps", "thal", "RestingECG", "Oldpeak", "ExerciseAngina")), 2),
    (frozenset(("radius_mean", "texture_mean", "concavity_mean", "fractal_dimension_mean", "perimeter_worst")), 2),
    (frozenset(("volatile acidity", "fixed acidity", "residual sugar")), 2),
    (frozenset(("LSTAT", "PTRATIO", "RAD", "CHAS", "INDUS")), 3),
    (frozenset(("JobSatisfaction", "YearsAtCompany", "Attrition", "MonthlyIncome", "DistanceFromHome")), 3),
    (frozenset(("battery_power", "px_height", "talk_time", "four_g", "mobile_wt")), 2),
    (frozenset(("TotalCharges", "MonthlyCharges", "Churn", "PaperlessBilling")), 3),
    (frozenset(("bill_length_mm", "culmen_length_mm", "flipper_length_mm", "body_mass_g")), 2),
    (frozenset(("rotting_flesh", "hair_length", "bone_length", "has_soul")), 2),
    (frozenset(("stalk-root", "gill-color", "spore-print-color", "cap-shape")), 2),
)
"""Columns of well-known tables of fewer than ten thousand rows, and how many of them tell the table."""
