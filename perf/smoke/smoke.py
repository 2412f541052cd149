"""The release binary under AWS's own tools: boto3 and aws-cli, on real data, through stops and bad input.

Usage: smoke.py --server PATH --reader PATH. Needs boto3, the aws command and Debian's iso-codes.
Exits with 0 if everything held, and prints each check as it passes.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config
from botocore.exceptions import ClientError

ISO_CODES = Path("/usr/share/iso-codes/json")
READY = re.compile(r"ready http=(\S+) wire=(\S+) admin=(\S+)")


class Server:
    """One run after another of the server on one data directory, on ports of the system's choice."""

    def __init__(self, binary, data_directory, host="127.0.0.1", options=()):
        self.command = [binary, "serve", "--data-dir", str(data_directory), "--segment-size", "16M", *options]
        self.host = host
        self.process = None

    def start(self):
        started = time.monotonic()
        addresses = ["--http-address", f"{self.host}:0", "--wire-address", f"{self.host}:0", "--admin-address", "127.0.0.1:0"]
        self.process = subprocess.Popen(self.command + addresses, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = READY.match(line)
        assert match, f"no ready line but {line!r}"
        self.http, self.wire, self.admin = match.groups()
        self.ready_ms = (time.monotonic() - started) * 1000

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)

    def kill_if_running(self):
        if self.process and self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def client(self, **others):
        return boto3.client("dynamodb", **self.options() | others)

    def resource(self):
        return boto3.resource("dynamodb", **self.options())

    def options(self):
        return {
            "endpoint_url": f"http://{self.http}",
            "region_name": "us-east-1",
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
            "config": Config(retries={"max_attempts": 1}),
        }

    def aws(self, *arguments, fails=False, **others):
        environment = dict(
            os.environ,
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_PAGER="",
        ) | others
        command = ["aws", "--endpoint-url", f"http://{self.http}", "--output", "json", "dynamodb", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, f"{arguments}: exit {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else done.stderr


def passed(what):
    print(f"ok  {what}", flush=True)


def create(resource, name, partition_key, sort_key=None):
    schema = [{"AttributeName": partition_key, "KeyType": "HASH"}]
    if sort_key:
        schema.append({"AttributeName": sort_key, "KeyType": "RANGE"})
    table = resource.create_table(
        TableName=name,
        KeySchema=schema,
        AttributeDefinitions=[{"AttributeName": part["AttributeName"], "AttributeType": "S"} for part in schema],
        BillingMode="PAY_PER_REQUEST",
    )
    table.wait_until_exists()
    return table


def load_iso_codes(server):
    """Languages, countries and subdivisions as tables; returns what was written, by table."""
    resource = server.resource()
    written = {}
    sources = [("iso_639-3", "639-3", "languages", "alpha_3"), ("iso_3166-1", "3166-1", "countries", "alpha_2")]
    for file, root, name, key in sources:
        table = create(resource, name, key)
        items = json.loads((ISO_CODES / f"{file}.json").read_text())[root]
        written[name] = {item[key]: item for item in items}
    table = create(resource, "subdivisions", "country", "code")
    items = json.loads((ISO_CODES / "iso_3166-2.json").read_text())["3166-2"]
    written["subdivisions"] = {item["code"]: dict(item, country=item["code"][:2]) for item in items}
    for name, items in written.items():
        with resource.Table(name).batch_writer() as batch:
            for item in items.values():
                batch.put_item(Item=item)
        print(f"    {name}: {len(items)} items", flush=True)
    return written


def check_iso_codes(server, written):
    resource = server.resource()
    for name, items in written.items():
        found, pages, start = {}, 0, {}
        while True:
            page = resource.Table(name).scan(**start)
            pages += 1
            for item in page["Items"]:
                key = item.get("code") or item.get("alpha_3") if name != "countries" else item["alpha_2"]
                found[key] = item
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        assert found == items, f"{name}: {len(found)} read back of {len(items)}"
        count = server.client().describe_table(TableName=name)["Table"]["ItemCount"]
        assert count == len(items), f"{name}: DescribeTable counts {count}"
        passed(f"{name}: {len(items)} items read back equal in {pages} pages")


def check_queries(server, written):
    table = server.resource().Table("subdivisions")
    expected = sorted(code for code in written["subdivisions"] if code.startswith("GB-"))
    condition = Key("country").eq("GB") & Key("code").begins_with("GB-")
    page = table.query(KeyConditionExpression=condition)
    assert [item["code"] for item in page["Items"]] == expected
    backwards = table.query(KeyConditionExpression=condition, ScanIndexForward=False)
    assert [item["code"] for item in backwards["Items"]] == expected[::-1]
    codes, start = [], {}
    while True:
        page = table.query(KeyConditionExpression=condition, Limit=7, **start)
        codes += [item["code"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert codes == expected
    passed(f"{len(expected)} subdivisions of GB by begins_with, in order, against it, and in pages of 7")
    parts = [table.scan(Segment=part, TotalSegments=5) for part in range(5)]
    assert sum(part["Count"] for part in parts) == len(written["subdivisions"])
    passed("a scan in 5 segments sees each item once")


def check_rust_client(server, reader, written):
    """What boto3 wrote, read over the binary protocol by the Rust client's example."""
    for name, items in written.items():
        lines = subprocess.run([reader, server.wire, name], capture_output=True, text=True, check=True).stdout.splitlines()
        found = [json.loads(line) for line in lines]
        assert len(found) == len(items), name
        assert {json.dumps(item, sort_keys=True) for item in found} == {
            json.dumps(item, sort_keys=True) for item in items.values()}, name
    command = [reader, server.wire, "subdivisions", "country", "FR", "code", "FR-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = sorted(code for code in written["subdivisions"] if code.startswith("FR-"))
    assert [json.loads(line)["code"] for line in lines] == expected
    passed(f"the Rust client reads the same {sum(map(len, written.values()))} items, and {len(expected)} of FR in order")


def check_items(server):
    client, resource = server.client(), server.resource()
    table = create(resource, "things", "id")
    item = {
        "id": "every type",
        "number": Decimal("-12345678901234567890.123456789012345678"),
        "binary": b"\x00\xff",
        "true": True,
        "nothing": None,
        "list": [Decimal(1), "two", [b"3"]],
        "map": {"inner": {"deep": Decimal("1E-130")}},
        "strings": {"a", "b"},
        "numbers": {Decimal(1), Decimal("2.5")},
        "binaries": {b"x", b"y"},
        "empty": "",
    }
    table.put_item(Item=item)
    read = table.get_item(Key={"id": "every type"}, ConsistentRead=True)["Item"]
    read["binary"], read["binaries"] = read["binary"].value, {part.value for part in read["binaries"]}
    read["list"][2][0] = read["list"][2][0].value
    assert read == item, read
    passed("all ten types read back equal")
    old = table.put_item(Item={"id": "every type"}, ReturnValues="ALL_OLD")["Attributes"]
    assert old["empty"] == ""
    assert table.delete_item(Key={"id": "every type"}, ReturnValues="ALL_OLD")["Attributes"] == {"id": "every type"}
    assert "Item" not in table.get_item(Key={"id": "every type"})
    table.delete_item(Key={"id": "every type"})
    keys = [{"id": {"S": str(number)}} for number in range(30)]
    with table.batch_writer() as batch:
        for key in keys:
            batch.put_item(Item={"id": key["id"]["S"]})
    got = client.batch_get_item(RequestItems={"things": {"Keys": keys + [{"id": {"S": "none"}}]}})
    assert len(got["Responses"]["things"]) == 30 and got["UnprocessedKeys"] == {}
    passed("replace, delete, batch write and batch get")


def refuses(code, phrase, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and phrase in found["Message"], found
        return
    raise AssertionError(f"{arguments} was not refused")


def check_errors(server):
    client = server.client()
    refuses("ResourceNotFoundException", "Requested resource not found", client.get_item,
            TableName="absent", Key={"id": {"S": "x"}})
    refuses("ResourceInUseException", "Table already exists: things", client.create_table, TableName="things",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    refuses("ValidationException", "The provided key element does not match the schema", client.get_item,
            TableName="things", Key={"other": {"S": "x"}})
    refuses("ValidationException", "Missing the key id in the item", client.put_item,
            TableName="things", Item={"other": {"S": "x"}})
    refuses("ValidationException", "Item size has exceeded", client.put_item,
            TableName="things", Item={"id": {"S": "x"}, "big": {"S": "x" * 409600}})
    refuses("ConditionalCheckFailedException", "The conditional request failed", client.put_item, TableName="things",
            Item={"id": {"S": "nobody"}}, ConditionExpression="attribute_exists(id)")
    refuses("ValidationException", "reserved keyword: size", client.update_item, TableName="things",
            Key={"id": {"S": "x"}}, UpdateExpression="SET size = :s", ExpressionAttributeValues={":s": {"N": "1"}})
    refuses("UnknownOperationException", "TransactWriteItems", client.transact_write_items,
            TransactItems=[{"Delete": {"TableName": "things", "Key": {"id": {"S": "x"}}}}])
    passed("errors are DynamoDB's; what is not built is refused by name")


def check_aws_cli(server):
    server.aws("create-table", "--table-name", "from-cli", "--billing-mode", "PAY_PER_REQUEST",
               "--attribute-definitions", "AttributeName=id,AttributeType=N",
               "--key-schema", "AttributeName=id,KeyType=HASH", "--tags", "Key=made,Value=here")
    server.aws("wait", "table-exists", "--table-name", "from-cli")
    server.aws("put-item", "--table-name", "from-cli", "--item", '{"id": {"N": "1e1"}, "name": {"S": "ten"}}')
    got = server.aws("get-item", "--table-name", "from-cli", "--key", '{"id": {"N": "10.0"}}')
    assert got["Item"] == {"id": {"N": "10"}, "name": {"S": "ten"}}, got
    arn = server.aws("describe-table", "--table-name", "from-cli")["Table"]["TableArn"]
    assert server.aws("list-tags-of-resource", "--resource-arn", arn)["Tags"] == [{"Key": "made", "Value": "here"}]
    assert "from-cli" in server.aws("list-tables")["TableNames"]
    server.aws("describe-time-to-live", "--table-name", "from-cli")
    server.aws("describe-continuous-backups", "--table-name", "from-cli")
    server.aws("describe-endpoints")
    got = server.aws("update-item", "--table-name", "from-cli", "--key", '{"id": {"N": "10"}}', "--return-values", "UPDATED_NEW",
                     "--update-expression", "ADD visits :one SET #n = :ten", "--condition-expression", "#n = :old",
                     "--expression-attribute-names", '{"#n": "name"}',
                     "--expression-attribute-values", '{":one": {"N": "1"}, ":ten": {"S": "TEN"}, ":old": {"S": "ten"}}')
    assert got["Attributes"] == {"visits": {"N": "1"}, "name": {"S": "TEN"}}, got
    assert server.aws("scan", "--table-name", "from-cli", "--select", "COUNT")["Count"] == 1
    server.aws("delete-table", "--table-name", "from-cli")
    server.aws("wait", "table-not-exists", "--table-name", "from-cli")
    error = server.aws("describe-table", "--table-name", "from-cli", fails=True)
    assert "ResourceNotFoundException" in error, error
    passed("aws-cli creates, writes, updates, reads, describes and deletes a table")


def change_a_table(server):
    """Changes all that can be changed of a table; returns what the tools then tell of it."""
    client = server.client()
    client.create_table(
        TableName="settings",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "other")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[{
            "IndexName": "by-other",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "other", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    client.get_waiter("table_exists").wait(TableName="settings")
    arn = client.describe_table(TableName="settings")["Table"]["TableArn"]
    for change in (
        {"ProvisionedThroughput": {"ReadCapacityUnits": 4, "WriteCapacityUnits": 9}},
        {"BillingMode": "PAY_PER_REQUEST"},
        {"OnDemandThroughput": {"MaxReadRequestUnits": 100}},
        {"WarmThroughput": {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000}},
        {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
        {"DeletionProtectionEnabled": True},
    ):
        assert client.update_table(TableName=arn, **change)["TableDescription"]["TableStatus"] == "UPDATING"
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    server.aws("untag-resource", "--resource-arn", arn, "--tag-keys", "b")
    server.aws("update-time-to-live", "--table-name", "settings",
               "--time-to-live-specification", "Enabled=true,AttributeName=expires")
    assert server.aws("describe-limits")["TableMaxReadCapacityUnits"] == 40000
    try:
        client.delete_table(TableName="settings")
        raise AssertionError("a protected table was deleted")
    except ClientError as error:
        assert "protected against deletion" in error.response["Error"]["Message"], error
    return settings(server)


def settings(server):
    """What can be read back of the table that `change_a_table` made."""
    client = server.client()
    table = client.describe_table(TableName="settings")["Table"]
    assert table["TableStatus"] == "ACTIVE" and table["DeletionProtectionEnabled"], table
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST", table
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 100}, table
    assert table["WarmThroughput"]["ReadUnitsPerSecond"] == 13000, table
    assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS", table
    assert table["LocalSecondaryIndexes"][0]["IndexArn"] == table["TableArn"] + "/index/by-other", table
    expiry = client.describe_time_to_live(TableName="settings")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}, expiry
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "1"}], tags
    return table, tags


def check_bad_input(server):
    """Garbage on every port; the server answers or closes, and goes on serving."""
    garbage = [b"\x00" * 4096, b"GET / HTTP/9.9\r\n\r\n", os.urandom(8192), b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
               b"STATOR\r\n" + b"\xff" * 64, b"STATOR\r\n" + (2**31).to_bytes(4, "little") + b"\x01\x00" + b"\x00" * 32, b""]
    for address in (server.http, server.wire, server.admin):
        host, port = address.rsplit(":", 1)
        for payload in garbage:
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                try:
                    connection.sendall(payload)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass
    nested = '{"L":[' * 20000
    body = f'{{"TableName":"things","Item":{{"id":{{"S":"x"}},"deep":{nested}'.encode()
    request = urllib.request.Request(f"http://{server.http}", body, {
        "X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"})
    try:
        urllib.request.urlopen(request, timeout=10)
        raise AssertionError("a bottomless body was accepted")
    except urllib.error.HTTPError as error:
        assert error.code == 400, error
    with urllib.request.urlopen(f"http://{server.admin}/health", timeout=10) as answer:
        assert answer.read() == b"ok\n"
    with urllib.request.urlopen(f"http://{server.admin}/metrics", timeout=10) as answer:
        told = answer.read()
        for name in (b"requests_total", b"merges_total", b"expired_items_total"):
            assert b"stator_" + name in told, name
    server.client().list_tables()
    passed("garbage on all ports stops nothing; health and metrics answer")


def check_access_keys(binary, reader, folder):
    """A server that other machines reach lets those call who sign with its access key, over both protocols."""
    keys = Path(folder) / "credentials"
    keys.write_text("[smoke]\naws_access_key_id = local\naws_secret_access_key = sesame/+=\n")
    keys.chmod(0o600)
    server = Server(binary, Path(folder) / "guarded", "0.0.0.0", ["--credentials", str(keys)])
    right = {"aws_secret_access_key": "sesame/+=", "region_name": "eu-north-1"}
    try:
        server.start()
        client = server.client(**right)
        schema = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
                  "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}
        client.create_table(TableName="guarded", **schema)
        for number in range(50):
            client.put_item(TableName="guarded", Item={"id": {"S": f"ä {number}  %2F"}})
        assert server.aws("list-tables", AWS_SECRET_ACCESS_KEY="sesame/+=")["TableNames"] == ["guarded"]
        endpoint = server.aws("describe-endpoints", AWS_SECRET_ACCESS_KEY="sesame/+=")["Endpoints"][0]["Address"]
        assert endpoint == server.http, endpoint
        for others, exception in [({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
                                  ({"aws_access_key_id": "nobody"}, "UnrecognizedClientException"),
                                  (right | {"aws_session_token": "none"}, "UnrecognizedClientException")]:
            try:
                server.client(**others).list_tables()
                raise AssertionError(f"{others} passes")
            except ClientError as error:
                assert error.response["Error"]["Code"] == exception, error
        assert "MissingAuthenticationToken" in server.aws("list-tables", "--no-sign-request", fails=True)
        command = [reader, server.wire, "guarded"]
        environment = dict(os.environ, AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="sesame/+=")
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
        assert len(found) == 50, found
        refused = subprocess.run(command, env=environment | {"AWS_SECRET_ACCESS_KEY": "wrong"}, capture_output=True, text=True)
        assert refused.returncode != 0 and "no access key of this node" in refused.stderr, refused.stderr
        nobody = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        refused = subprocess.run(command, env=nobody, capture_output=True, text=True)
        assert refused.returncode != 0 and "asks for credentials" in refused.stderr, refused.stderr
        assert server.stop() == 0
    finally:
        server.kill_if_running()
    passed("with an access key only who signs may call: boto3, aws-cli and the Rust client, and none of them otherwise")


def check_start_up_errors(server, binary, directory):
    """What cannot be started says why and what to do, on one line."""
    def fails(phrase, *arguments):
        done = subprocess.run([binary, "serve", *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode != 0 and phrase in done.stderr, (arguments, done.returncode, done.stderr)

    free = ["--http-address", "127.0.0.1:0", "--wire-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"]
    fails("in use", "--data-dir", f"{directory}-other", "--http-address", server.http,
          "--wire-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0")
    fails("another", "--data-dir", str(directory), *free)
    fails("name the file", "--http-address", "0.0.0.0:8000")
    fails("/proc", "--data-dir", "/proc/nowhere", *free)
    passed("a port in use, a second server on the same data and a directory that cannot be made are told")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True, help="the binary `stator`")
    parser.add_argument("--reader", required=True, help="the Rust client's example `read`")
    arguments = parser.parse_args()
    binary = arguments.server
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "data"
        server = Server(binary, directory)
        try:
            server.start()
            passed(f"ready after {server.ready_ms:.0f} ms")
            written = load_iso_codes(server)
            check_iso_codes(server, written)
            check_queries(server, written)
            check_rust_client(server, arguments.reader, written)
            check_items(server)
            check_errors(server)
            check_aws_cli(server)
            changed = change_a_table(server)
            passed("boto3 and aws-cli change, tag and protect a table, and read it back")
            check_bad_input(server)
            check_start_up_errors(server, binary, directory)
            check_access_keys(binary, arguments.reader, folder)
            server.stop(signal.SIGKILL)
            server.start()
            check_iso_codes(server, written)
            assert settings(server) == changed
            passed(f"all of it is there after kill -9, ready after {server.ready_ms:.0f} ms")
            assert server.stop() == 0, "SIGTERM did not end in exit code 0"
            server.start()
            check_queries(server, written)
            assert server.stop() == 0
            passed("SIGTERM stops with exit code 0, and the data is there again")
        finally:
            server.kill_if_running()
    print("smoke test passed")


if __name__ == "__main__":
    sys.exit(main())
