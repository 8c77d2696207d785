"""`treadle conform`: black-box checks of any Agent Server against the contract."""
