"""Sites: components that are made of flat settings, from Python, the environment, a TOML file or a data folder."""
