"""From sources to claims: decode, translate, commit, acknowledge."""
