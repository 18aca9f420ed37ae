"""The fence between profiles, held against any order of acts."""
