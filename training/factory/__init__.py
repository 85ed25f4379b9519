"""How the shipped model was made: painted lesions, phantoms and one supervised loop.

What a site trains on its own patients goes another way: see `training.learning`.
"""
