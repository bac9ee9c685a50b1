print("opslogd")
