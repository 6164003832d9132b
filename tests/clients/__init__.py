"""Programs that people really use against Salver: curl, wget, h2load, ab, slowhttptest."""
