"""How the columns of a table become the features of a model, in Python and in every graph."""
