# A receiver of webhooks that shares no code with Accord. It reads messages, one JSON object a line: the key that accord webhook
# add printed, the three headers and the body; and prints a line for each: ok, or what is wrong.
#
# HMAC comes with the language. Ed25519 is verified by the equation of RFC 8032, section 5.1.7, in plain integers.
import base64, hashlib, hmac, json, sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P)


def times(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        raise ValueError("not a point of the curve")
    return (P - x if x & 1 != sign else x, y)


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return s < ORDER and times(s, BASE) == add(decode(signature[:32]), times(h, decode(key)))


def verify(key, headers, body):
    kind, _, encoded = key.partition("_")
    secret = base64.b64decode(encoded, validate=True)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    for one in headers["webhook-signature"].split(" "):
        version, _, text = one.partition(",")
        signature = base64.b64decode(text, validate=True)
        if kind == "whsec" and version == "v1" and hmac.compare_digest(hmac.new(secret, signed, hashlib.sha256).digest(), signature):
            return True
        if kind == "whpk" and version == "v1a" and ed25519(secret, signed, signature):
            return True
    return False


for line in sys.stdin:
    message = json.loads(line)
    if not verify(message["key"], message["headers"], message["body"]):
        print("the signature is wrong", flush=True)
        continue
    data = json.loads(message["body"])["data"]
    print("ok", data["agreement"], data["from"], data["to"], flush=True)
