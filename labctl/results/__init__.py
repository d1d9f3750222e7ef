"""What a run leaves behind: its journal and result, the record of errors, fingerprints, bundles."""
