import falcon


class Things:
    def on_get(self, req, resp, number):
        resp.media = {"number": number, "query": req.params, "url": req.uri}
        resp.set_header("X-Thing", str(number))

    def on_put(self, req, resp, number):
        resp.status = falcon.HTTP_201
        resp.media = {"number": number, "got": req.get_media()}

    def on_delete(self, req, resp, number):
        resp.status = falcon.HTTP_204


class Streamed:
    def on_get(self, req, resp):
        resp.content_type = "text/plain"
        resp.stream = (b"%d\n" % number for number in range(1000))

    def on_post(self, req, resp):
        size = 0
        while data := req.bounded_stream.read(1 << 16):
            size += len(data)
        resp.media = {"size": size}


app = falcon.App()
app.add_route("/things/{number:int}", Things())
app.add_route("/streamed", Streamed())
