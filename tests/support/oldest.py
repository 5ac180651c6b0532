"""What the oldest scikit-learn that is supported does otherwise than the newest."""

import sklearn
from sklearn.utils.fixes import parse_version

BEFORE_1_8 = parse_version(sklearn.__version__) < parse_version("1.8")
