"""boto3's client and resource on one table with everything a single table can do. Usage: with_boto3.py ENDPOINT.

Every check is made whatever the others said; prints each, and exits with 1 if one failed.
"""

import sys
import time
import traceback
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from botocore.exceptions import ClientError

OPTIONS = {"endpoint_url": sys.argv[1], "region_name": "us-east-1", "aws_access_key_id": "local",
           "aws_secret_access_key": "local", "config": Config(retries={"max_attempts": 1})}
CLIENT = boto3.client("dynamodb", **OPTIONS)
RESOURCE = boto3.resource("dynamodb", **OPTIONS)
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def main():
    create_tables()
    failed = 0
    for function in CHECKS:
        try:
            function()
            print(f"ok      {function.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {function.__name__}\n{traceback.format_exc(limit=3)}", flush=True)
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
    sys.exit(1 if failed else 0)


def create_tables():
    RESOURCE.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "number", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "customer", "AttributeType": "S"},
                              {"AttributeName": "number", "AttributeType": "N"},
                              {"AttributeName": "placed", "AttributeType": "S"},
                              {"AttributeName": "total", "AttributeType": "N"}],
        LocalSecondaryIndexes=[
            {"IndexName": "by_placed", "KeySchema": [{"AttributeName": "customer", "KeyType": "HASH"},
                                                     {"AttributeName": "placed", "KeyType": "RANGE"}],
             "Projection": {"ProjectionType": "ALL"}},
            {"IndexName": "by_total", "KeySchema": [{"AttributeName": "customer", "KeyType": "HASH"},
                                                    {"AttributeName": "total", "KeyType": "RANGE"}],
             "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["state"]}}],
        BillingMode="PAY_PER_REQUEST").wait_until_exists()
    RESOURCE.create_table(
        TableName="things", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000}).wait_until_exists()


def refuses(code, phrase, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and phrase in found["Message"], found
        return error.response
    raise AssertionError(f"{arguments} was not refused")


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


THINGS = RESOURCE.Table("things")
ORDERS = RESOURCE.Table("orders")


@check
def condition_functions_of_put():
    THINGS.put_item(Item={"id": "c1", "n": 5, "s": "hello world", "l": [1, "two"], "set": {"a", "b"}},
                    ConditionExpression=Attr("id").not_exists())
    refuses("ConditionalCheckFailedException", "The conditional request failed", THINGS.put_item,
            Item={"id": "c1"}, ConditionExpression=Attr("id").not_exists())
    for condition in [Attr("n").eq(5), Attr("n").ne(6), Attr("n").lt(6), Attr("n").lte(5), Attr("n").gt(4), Attr("n").gte(5),
                      Attr("n").between(5, 6), Attr("n").is_in([1, 5]), Attr("s").begins_with("hello"),
                      Attr("s").contains("lo w"), Attr("set").contains("a"), Attr("l").contains("two"), Attr("l").size().eq(2),
                      Attr("s").attribute_type("S"), Attr("s").exists() & ~Attr("x").exists(),
                      Attr("n").eq(0) | Attr("l[1]").eq("two")]:
        THINGS.update_item(Key={"id": "c1"}, UpdateExpression="SET seen = :t", ExpressionAttributeValues={":t": True},
                           ConditionExpression=condition)
    for condition in [Attr("n").eq(6), Attr("s").lt(5), Attr("s").begins_with("world"), Attr("set").contains("c"),
                      Attr("missing").eq(None), ~Attr("n").eq(5)]:
        refuses("ConditionalCheckFailedException", "The conditional request failed", THINGS.delete_item,
                Key={"id": "c1"}, ConditionExpression=condition)


@check
def values_on_condition_failure():
    CLIENT.put_item(TableName="things", Item={"id": {"S": "v"}, "n": {"N": "1"}})
    response = refuses("ConditionalCheckFailedException", "", CLIENT.put_item, TableName="things", Item={"id": {"S": "v"}},
                       ConditionExpression="n > :n", ExpressionAttributeValues={":n": {"N": "2"}},
                       ReturnValuesOnConditionCheckFailure="ALL_OLD")
    equal(response["Item"], {"id": {"S": "v"}, "n": {"N": "1"}})


@check
def update_expressions():
    THINGS.put_item(Item={"id": "u", "n": 10, "l": ["a"], "k": [1], "m": {"x": 1, "y": 2}, "set": {"a", "b"}})
    found = THINGS.update_item(
        Key={"id": "u"},
        UpdateExpression="SET n = n - :one, l = list_append(l, :l), #m.x = #m.y + :one, z = if_not_exists(z, :one), "
                         "k[5] = :one REMOVE #m.y ADD c :one, nums :nums DELETE #set :gone",
        ExpressionAttributeNames={"#m": "m", "#set": "set"},
        ExpressionAttributeValues={":one": 1, ":l": ["b"], ":nums": {1, 2}, ":gone": {"a"}}, ReturnValues="ALL_NEW")
    equal(found["Attributes"], {"id": "u", "n": 9, "l": ["a", "b"], "k": [1, 1], "m": {"x": 3}, "z": 1, "c": 1,
                                "nums": {Decimal(1), Decimal(2)}, "set": {"b"}})
    equal(THINGS.get_item(Key={"id": "u"}, ConsistentRead=True)["Item"], found["Attributes"])


@check
def update_return_values():
    THINGS.put_item(Item={"id": "r", "a": 1, "m": {"x": 1, "y": 2}})

    def update(kind, value):
        return THINGS.update_item(Key={"id": "r"}, UpdateExpression="SET m.x = :v, b = :v", ReturnValues=kind,
                                  ExpressionAttributeValues={":v": value}).get("Attributes")

    equal(update("NONE", 2), None)
    equal(update("UPDATED_OLD", 3), {"m": {"x": 2}, "b": 2})
    equal(update("UPDATED_NEW", 4), {"m": {"x": 4}, "b": 4})
    equal(update("ALL_OLD", 5), {"id": "r", "a": 1, "m": {"x": 4, "y": 2}, "b": 4})
    equal(update("ALL_NEW", 6), {"id": "r", "a": 1, "m": {"x": 6, "y": 2}, "b": 6})


@check
def update_creates_and_counts():
    for expected in range(1, 6):
        found = THINGS.update_item(Key={"id": "counter"}, UpdateExpression="ADD n :one", ReturnValues="UPDATED_NEW",
                                   ExpressionAttributeValues={":one": 1})
        equal(found["Attributes"], {"n": expected})


@check
def projections():
    THINGS.put_item(Item={"id": "p", "a": 1, "m": {"x": [1, {"deep": "y"}], "z": 2}, "date": "today"})
    found = THINGS.get_item(Key={"id": "p"}, ProjectionExpression="a, m.x[1].deep, #d, nothing",
                            ExpressionAttributeNames={"#d": "date"})["Item"]
    equal(found, {"a": 1, "m": {"x": [{"deep": "y"}]}, "date": "today"})


@check
def expression_errors():
    def get(phrase, **arguments):
        refuses("ValidationException", phrase, THINGS.get_item, Key={"id": "p"}, **arguments)

    get("Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: date", ProjectionExpression="date")
    get("Invalid ProjectionExpression: Two document paths overlap with each other", ProjectionExpression="m, m.x")
    get("Invalid ProjectionExpression: Syntax error", ProjectionExpression="a b")
    get("Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}", ProjectionExpression="a",
        ExpressionAttributeNames={"#x": "y"})
    refuses("ValidationException", "An expression attribute value used in expression is not defined; attribute value: :v",
            THINGS.update_item, Key={"id": "p"}, UpdateExpression="SET a = :v")
    refuses("ValidationException", "Two document paths overlap with each other", THINGS.update_item, Key={"id": "p"},
            UpdateExpression="SET m = :v, m.x = :v", ExpressionAttributeValues={":v": 1})
    refuses("ValidationException", "Cannot update attribute id. This attribute is part of the key", THINGS.update_item,
            Key={"id": "p"}, UpdateExpression="SET id = :v", ExpressionAttributeValues={":v": "q"})


@check
def batch_writer_and_queries():
    with ORDERS.batch_writer(overwrite_by_pkeys=["customer", "number"]) as batch:
        for number in range(120):
            batch.put_item(Item={"customer": "ada", "number": number, "placed": f"2026-{119 - number:03}", "total": number % 10,
                                 "state": "open" if number % 2 else "paid", "note": "x" * 100})
        batch.delete_item(Key={"customer": "ada", "number": 119})
    numbers = lambda **arguments: [int(item["number"]) for item in ORDERS.query(**arguments)["Items"]]  # noqa: E731
    ada = Key("customer").eq("ada")
    equal(numbers(KeyConditionExpression=ada & Key("number").between(5, 8)), [5, 6, 7, 8])
    equal(numbers(KeyConditionExpression=ada & Key("number").lt(3), ScanIndexForward=False), [2, 1, 0])
    equal(numbers(KeyConditionExpression=ada & Key("number").gte(117)), [117, 118])
    found = ORDERS.query(KeyConditionExpression=ada, FilterExpression=Attr("state").eq("open"), Limit=10,
                         ProjectionExpression="#n", ExpressionAttributeNames={"#n": "number"})
    equal((found["Count"], found["ScannedCount"]), (5, 10))
    equal(found["Items"][0], {"number": 1})
    equal(ORDERS.query(KeyConditionExpression=ada, Select="COUNT")["Count"], 119)


@check
def local_indexes():
    ada = Key("customer").eq("ada")
    found = ORDERS.query(IndexName="by_placed", KeyConditionExpression=ada & Key("placed").begins_with("2026-00"),
                         ConsistentRead=True)["Items"]
    equal([int(item["number"]) for item in found], list(range(118, 109, -1)))
    assert "note" in found[0]
    found = ORDERS.query(IndexName="by_total", KeyConditionExpression=ada & Key("total").eq(3))["Items"]
    equal(len(found), 12)
    equal(set(found[0]), {"customer", "number", "total", "state"})
    fetched = ORDERS.query(IndexName="by_total", KeyConditionExpression=ada & Key("total").eq(3), Select="ALL_ATTRIBUTES")
    assert "note" in fetched["Items"][0]
    ORDERS.update_item(Key={"customer": "ada", "number": 3}, UpdateExpression="SET #t = :t",
                       ExpressionAttributeNames={"#t": "total"}, ExpressionAttributeValues={":t": 77})
    equal(ORDERS.query(IndexName="by_total", KeyConditionExpression=ada & Key("total").eq(77))["Count"], 1)
    equal(ORDERS.query(IndexName="by_total", KeyConditionExpression=ada & Key("total").eq(3))["Count"], 11)


@check
def paginators():
    pages = list(CLIENT.get_paginator("query").paginate(
        TableName="orders", KeyConditionExpression="customer = :c", ExpressionAttributeValues={":c": {"S": "ada"}},
        PaginationConfig={"PageSize": 25}))
    equal((len(pages), sum(page["Count"] for page in pages)), (5, 119))
    pages = CLIENT.get_paginator("scan").paginate(
        TableName="orders", FilterExpression="#s = :s", ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": "open"}}, PaginationConfig={"PageSize": 50})
    equal(sum(page["Count"] for page in pages), 59)
    names = [name for page in CLIENT.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1})
             for name in page["TableNames"]]
    equal(names, ["orders", "things"])
    index_pages = list(CLIENT.get_paginator("query").paginate(
        TableName="orders", IndexName="by_total", KeyConditionExpression="customer = :c",
        ExpressionAttributeValues={":c": {"S": "ada"}}, PaginationConfig={"PageSize": 7}))
    equal(sum(page["Count"] for page in index_pages), 119)


@check
def batches():
    found = RESOURCE.batch_get_item(RequestItems={
        "orders": {"Keys": [{"customer": "ada", "number": number} for number in (1, 2, 999)], "ProjectionExpression": "#n",
                   "ExpressionAttributeNames": {"#n": "number"}, "ConsistentRead": True},
        "things": {"Keys": [{"id": "p"}], "ProjectionExpression": "a"}})
    equal(sorted(int(item["number"]) for item in found["Responses"]["orders"]), [1, 2])
    equal(found["Responses"]["things"], [{"a": 1}])
    equal(found["UnprocessedKeys"], {})
    found = RESOURCE.batch_get_item(RequestItems={"things": {"Keys": [{"id": "p"}], "AttributesToGet": ["a"]}})
    equal(found["Responses"]["things"], [{"a": 1}])


@check
def parallel_scans():
    found = [item["number"] for segment in range(4) for item in ORDERS.scan(Segment=segment, TotalSegments=4)["Items"]]
    equal(sorted(found), [number for number in range(119)])


@check
def legacy_parameters():
    CLIENT.put_item(TableName="things", Item={"id": {"S": "old"}, "n": {"N": "1"}},
                    Expected={"id": {"Exists": False}})
    found = CLIENT.update_item(TableName="things", Key={"id": {"S": "old"}}, ReturnValues="ALL_NEW",
                               AttributeUpdates={"n": {"Action": "ADD", "Value": {"N": "4"}}, "t": {"Value": {"S": "x"}}},
                               Expected={"n": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "5"}]}})
    equal(found["Attributes"], {"id": {"S": "old"}, "n": {"N": "5"}, "t": {"S": "x"}})
    found = CLIENT.query(TableName="orders", AttributesToGet=["number"],
                         KeyConditions={"customer": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "ada"}]},
                                        "number": {"ComparisonOperator": "LE", "AttributeValueList": [{"N": "4"}]}},
                         QueryFilter={"state": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "open"}]}})
    equal(found["Items"], [{"number": {"N": "1"}}, {"number": {"N": "3"}}])
    found = CLIENT.scan(TableName="things", ScanFilter={"t": {"ComparisonOperator": "NOT_NULL"}})
    equal([item["id"] for item in found["Items"]], [{"S": "old"}])


@check
def consumed_capacity_and_metrics():
    found = CLIENT.put_item(TableName="orders", ReturnConsumedCapacity="INDEXES", ReturnItemCollectionMetrics="SIZE",
                            Item={"customer": {"S": "bob"}, "number": {"N": "1"}, "placed": {"S": "x"}, "total": {"N": "1"}})
    capacity = found["ConsumedCapacity"]
    equal((capacity["CapacityUnits"], capacity["Table"]["CapacityUnits"]), (3.0, 1.0))
    equal({name: units["CapacityUnits"] for name, units in capacity["LocalSecondaryIndexes"].items()},
          {"by_placed": 1.0, "by_total": 1.0})
    equal(found["ItemCollectionMetrics"]["ItemCollectionKey"], {"customer": {"S": "bob"}})
    found = CLIENT.get_item(TableName="things", Key={"id": {"S": "p"}}, ReturnConsumedCapacity="TOTAL")
    equal(found["ConsumedCapacity"], {"TableName": "things", "CapacityUnits": 0.5})


@check
def time_to_live():
    CLIENT.update_time_to_live(TableName="things", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True})
    description = CLIENT.describe_time_to_live(TableName="things")["TimeToLiveDescription"]
    equal(description["AttributeName"], "expires")
    assert description["TimeToLiveStatus"] in ("ENABLING", "ENABLED"), description
    THINGS.put_item(Item={"id": "gone", "expires": int(time.time()) - 5})
    THINGS.put_item(Item={"id": "stays", "expires": int(time.time()) + 1000})
    deadline = time.monotonic() + 30
    while "Item" in THINGS.get_item(Key={"id": "gone"}, ConsistentRead=True):
        assert time.monotonic() < deadline, "not deleted within 30 s"
        time.sleep(0.25)
    assert "Item" in THINGS.get_item(Key={"id": "stays"})


@check
def tags_and_limits():
    arn = CLIENT.describe_table(TableName="things")["Table"]["TableArn"]
    CLIENT.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": "b"}])
    CLIENT.untag_resource(ResourceArn=arn, TagKeys=["cost"])
    equal(CLIENT.list_tags_of_resource(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "a"}])
    assert CLIENT.describe_limits()["TableMaxReadCapacityUnits"] > 0
    equal(CLIENT.get_item(TableName=arn, Key={"id": {"S": "stays"}})["Item"]["id"], {"S": "stays"})


@check
def tables_change_and_go():
    CLIENT.update_table(TableName="things", ProvisionedThroughput={"ReadCapacityUnits": 500, "WriteCapacityUnits": 500})
    CLIENT.get_waiter("table_exists").wait(TableName="things")
    equal(CLIENT.describe_table(TableName="things")["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"], 500)
    CLIENT.update_table(TableName="orders", DeletionProtectionEnabled=True)
    CLIENT.get_waiter("table_exists").wait(TableName="orders")
    refuses("ValidationException", "deletion protection", CLIENT.delete_table, TableName="orders")
    CLIENT.update_table(TableName="orders", DeletionProtectionEnabled=False)
    CLIENT.get_waiter("table_exists").wait(TableName="orders")
    for name in ("orders", "things"):
        CLIENT.delete_table(TableName=name)
        CLIENT.get_waiter("table_not_exists").wait(TableName=name)
    equal(CLIENT.list_tables()["TableNames"], [])


main()
