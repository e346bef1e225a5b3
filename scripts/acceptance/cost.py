"""What a run costs at most, from AWS's list prices (docs/aws-behaviour.md, "Prices")."""

# The longest that a run is expected to take, slow days, probes and a resumption included.
HOURS = 4

# What, how many, dollars an hour.
BY_THE_HOUR = [
    ("Aurora instances db.r6g.large", 2, 0.260),
    ("RDS Proxy, for each of 4 vCPU", 4, 0.015),
    ("NAT gateways", 3, 0.045),
    ("public IPv4 addresses", 3, 0.005),
]

# What AWS lists by the month. It charges most of it by the hour; here each counts as a whole month.
BY_THE_MONTH = [
    ("WAF: web ACL", 1, 5.00),
    ("WAF: rules", 3, 1.00),
    ("metrics of alarms", 100, 0.10),
    ("KMS keys: the stack's and a probe's", 2, 1.00),
    ("managed secret", 1, 0.40),
    ("dashboard", 1, 3.00),
]

# Requests, logs, storage and traffic of a few thousand calls.
USAGE = 1.00


def estimate():
    """The lines of the estimate and its sum, in dollars."""
    lines = [(f"{count} × {what}, {HOURS} h", count * price * HOURS) for what, count, price in BY_THE_HOUR]
    lines += [(f"{count} × {what}, a whole month", count * price) for what, count, price in BY_THE_MONTH]
    lines.append(("requests, logs, storage, traffic", USAGE))
    return lines, sum(price for _, price in lines)


def shown():
    """The estimate for people."""
    lines, total = estimate()
    text = "".join(f"  {price:6.2f}  {what}\n" for what, price in lines)
    return f"{text}  {total:6.2f}  US dollars at most, with the default configuration and without taxes\n"
