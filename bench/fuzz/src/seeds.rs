//! What the corpora begin with: calls of every operation, numbers and expressions, small and of every kind.
//!
//! Written for this; whatever of it a build does not know is refused, which is a seed as well.

/// Bodies of calls.
pub const CALLS: &[(&str, &str)] = &[
    (
        "GetItem",
        r##"{"TableName":"abc","Key":{"p":{"S":"x"},"s":{"N":"-1.5e3"}},"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL","ProjectionExpression":"a.b[0], #c","ExpressionAttributeNames":{"#c":"d"}}"##,
    ),
    (
        "PutItem",
        r##"{"TableName":"abc","Item":{"p":{"S":"x"},"n":{"N":"1e125"},"b":{"B":"AAEC"},"t":{"BOOL":true},"z":{"NULL":true},"l":{"L":[{"S":"é"},{"L":[]}]},"m":{"M":{"k":{"M":{}}}},"ss":{"SS":["a","b"]},"ns":{"NS":["1","-2"]},"bs":{"BS":["AQ==","Ag=="]}},"ConditionExpression":"attribute_not_exists(p) OR n < :n","ExpressionAttributeValues":{":n":{"N":"5"}},"ReturnValues":"ALL_OLD"}"##,
    ),
    (
        "UpdateItem",
        r##"{"TableName":"abc","Key":{"p":{"S":"x"}},"UpdateExpression":"SET a = if_not_exists(a, :n) + :n, l = list_append(l, :l) REMOVE m.k ADD c :n DELETE ss :S","ConditionExpression":"size(l) > :n","ExpressionAttributeValues":{":n":{"N":"1"},":l":{"L":[]},":S":{"SS":["a"]}},"ReturnValues":"UPDATED_NEW"}"##,
    ),
    (
        "DeleteItem",
        r##"{"TableName":"abc","Key":{"p":{"B":"AA=="}},"Expected":{"a":{"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"1"},{"N":"2"}]}},"ConditionalOperator":"AND"}"##,
    ),
    (
        "Query",
        r##"{"TableName":"abc","IndexName":"i","KeyConditionExpression":"#p = :s AND begins_with(s, :t)","FilterExpression":"contains(x, :t)","ExpressionAttributeNames":{"#p":"p"},"ExpressionAttributeValues":{":s":{"S":"a"},":t":{"S":"b"}},"Limit":10,"ScanIndexForward":false,"Select":"COUNT","ExclusiveStartKey":{"p":{"S":"a"},"s":{"S":"b"}}}"##,
    ),
    (
        "Query",
        r##"{"TableName":"abc","KeyConditions":{"p":{"AttributeValueList":[{"S":"x"}],"ComparisonOperator":"EQ"}},"QueryFilter":{"a":{"ComparisonOperator":"NOT_NULL"}},"AttributesToGet":["a"]}"##,
    ),
    (
        "Scan",
        r##"{"TableName":"abc","Segment":1,"TotalSegments":4,"FilterExpression":"a IN (:a, :b)","ExpressionAttributeValues":{":a":{"N":"1"},":b":{"N":"2"}},"ScanFilter":{}}"##,
    ),
    (
        "BatchGetItem",
        r##"{"RequestItems":{"abc":{"Keys":[{"p":{"S":"x"}},{"p":{"S":"y"}}],"ConsistentRead":true},"def":{"Keys":[]}}}"##,
    ),
    (
        "BatchWriteItem",
        r##"{"RequestItems":{"abc":[{"PutRequest":{"Item":{"p":{"S":"x"}}}},{"DeleteRequest":{"Key":{"p":{"S":"y"}}}}]},"ReturnItemCollectionMetrics":"SIZE"}"##,
    ),
    (
        "CreateTable",
        r##"{"TableName":"abc","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"s","AttributeType":"N"},{"AttributeName":"i","AttributeType":"B"}],"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}],"LocalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"i","KeyType":"RANGE"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["x"]}}],"BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":5},"Tags":[{"Key":"k","Value":"v"}],"DeletionProtectionEnabled":true,"TableClass":"STANDARD"}"##,
    ),
    (
        "UpdateTable",
        r##"{"TableName":"abc","BillingMode":"PAY_PER_REQUEST","OnDemandThroughput":{"MaxReadRequestUnits":5},"WarmThroughput":{"ReadUnitsPerSecond":12000}}"##,
    ),
    ("DescribeTable", r##"{"TableName":"arn:aws:dynamodb:us-east-1:123456789012:table/abc"}"##),
    ("DeleteTable", r##"{"TableName":"abc"}"##),
    ("ListTables", r##"{"Limit":3,"ExclusiveStartTableName":"abc"}"##),
    ("DescribeEndpoints", "{}"),
    ("DescribeLimits", "{}"),
    ("DescribeTimeToLive", r##"{"TableName":"abc"}"##),
    ("UpdateTimeToLive", r##"{"TableName":"abc","TimeToLiveSpecification":{"AttributeName":"t","Enabled":true}}"##),
    ("DescribeContinuousBackups", r##"{"TableName":"abc"}"##),
    ("ListTagsOfResource", r##"{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/abc","NextToken":"x"}"##),
    (
        "TagResource",
        r##"{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/abc","Tags":[{"Key":"a","Value":"b"}]}"##,
    ),
    ("UntagResource", r##"{"ResourceArn":"arn:aws:dynamodb:us-east-1:123456789012:table/abc","TagKeys":["a"]}"##),
];

/// Texts of numbers.
pub const NUMBERS: &[&str] = &[
    "0\n-0.00",
    "1\n-1",
    "12345678901234567890123456789012345678\n1e-130",
    "9.9999999999999999999999999999999999999E+125\n1e125",
    "-1E-130\n1e-129",
    "0001.5000\n+.5",
    "100e-2\n1",
    "1e-1\n99e36",
    "-12.34\n12.35e0",
    "5.\n1e+07",
];

/// Key conditions.
pub const KEY_CONDITIONS: &[&str] = &[
    "p = :s1",
    "#p = :n1 AND s > :n2",
    "(p = :s1) and (s BETWEEN :s2 AND :s3)",
    "begins_with(s, :b1) AND :b2 = p",
    "p = :s1 AND s <= :b1",
    "p = :Sa",
    "p = :s1 AND s = :n_5 AND x = :z1",
];

/// Conditions, updates and projections.
pub const EXPRESSIONS: &[&str] = &[
    "NOT (a.b[0] = :n1 OR size(l) >= :n_4) AND attribute_type(#n, :N) AND n BETWEEN :n_9 AND :n9",
    "contains(S, :s1) AND begins_with(p, :ske) AND l[2] IN (:n1, n) AND attribute_not_exists(q)",
    "SET a.b[1].c = if_not_exists(q, :n1) + n, l = list_append(l, :l1), q = (n - :n2) REMOVE l[9], x ADD n :n1, S :S3",
    "SET l[2] = :m1, l[8] = a.b REMOVE l[0] ADD q :N1 DELETE S :S1",
    "a.b[0], a.b[1].c, l[3], l[1], #p, z",
];
