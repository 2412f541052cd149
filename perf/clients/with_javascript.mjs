// AWS's SDK for JavaScript v3: lib-dynamodb's document client on one table. Usage: node with_javascript.mjs ENDPOINT.
// Every check is made whatever the others said; exits with 1 if one failed.

import assert from 'node:assert/strict'
import {
  CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient, waitUntilTableExists, waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand, BatchWriteCommand, DeleteCommand, DynamoDBDocumentClient, GetCommand, NumberValue, PutCommand, QueryCommand,
  ScanCommand, UpdateCommand, paginateQuery, paginateScan,
} from '@aws-sdk/lib-dynamodb'

const options = {
  endpoint: process.argv[2], region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, maxAttempts: 1,
}
const client = new DynamoDBClient(options)
const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })
const send = (command) => documents.send(command)
const TableName = 'readings'

const checks = {
  async 'put and get every type'() {
    const Item = {
      device: 'types', at: 1, text: 'é', real: -1.5, big: NumberValue.from('12345678901234567890.123'), yes: true, nothing: null,
      bytes: new Uint8Array([0, 255]), list: [1, 'two', [true]], map: { inner: { deep: 'x' } },
      strings: new Set(['a', 'b']), numbers: new Set([1, 2]), binaries: new Set([new Uint8Array([1])]),
    }
    await send(new PutCommand({ TableName, Item }))
    // A client of its own: how numbers are read is a setting of the client below.
    const exact = DynamoDBDocumentClient.from(new DynamoDBClient(options), { unmarshallOptions: { wrapNumbers: (text) => text } })
    const found = (await exact.send(new GetCommand({ TableName, Key: { device: 'types', at: 1 }, ConsistentRead: true }))).Item
    assert.equal(found.big, '12345678901234567890.123')
    assert.equal(found.real, '-1.5')
    assert.deepEqual(found.map, Item.map)
    assert.deepEqual(found.strings, Item.strings)
    assert.deepEqual(Buffer.from(found.bytes), Buffer.from(Item.bytes))
    assert.equal(found.nothing, null)
  },
  async 'conditions'() {
    const Item = { device: 'c', at: 1, n: 1 }
    await send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(device)' }))
    await assert.rejects(
      send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(device)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })),
      (error) => error.name === 'ConditionalCheckFailedException' && error.Item.n.N === '1',
    )
    await assert.rejects(
      send(new DeleteCommand({ TableName, Key: { device: 'c', at: 1 }, ConditionExpression: 'n > :n', ExpressionAttributeValues: { ':n': 1 } })),
      { name: 'ConditionalCheckFailedException' },
    )
  },
  async 'update'() {
    const { Attributes } = await send(new UpdateCommand({
      TableName, Key: { device: 'u', at: 1 }, ReturnValues: 'ALL_NEW',
      UpdateExpression: 'SET #l = list_append(if_not_exists(#l, :empty), :one), m = :m ADD n :n',
      ExpressionAttributeNames: { '#l': 'list' }, ExpressionAttributeValues: { ':empty': [], ':one': [1], ':m': { a: 1 }, ':n': 5 },
    }))
    assert.deepEqual(Attributes, { device: 'u', at: 1, list: [1], m: { a: 1 }, n: 5 })
    const nested = await send(new UpdateCommand({
      TableName, Key: { device: 'u', at: 1 }, UpdateExpression: 'SET m.a = m.a + :n REMOVE #l[0]', ReturnValues: 'UPDATED_NEW',
      ExpressionAttributeNames: { '#l': 'list' }, ExpressionAttributeValues: { ':n': 1 },
    }))
    assert.deepEqual(nested.Attributes.m, { a: 2 })
  },
  async 'batches, queries, scans, pages'() {
    for (let start = 0; start < 100; start += 25) {
      const puts = Array.from({ length: 25 }, (_, i) => ({
        PutRequest: { Item: { device: 'q', at: start + i, level: 99 - start - i, kind: (start + i) % 2 ? 'odd' : 'even' } },
      }))
      const { UnprocessedItems } = await send(new BatchWriteCommand({ RequestItems: { [TableName]: puts } }))
      assert.deepEqual(UnprocessedItems, {})
    }
    const query = {
      TableName, KeyConditionExpression: 'device = :d AND #a BETWEEN :low AND :high', FilterExpression: 'kind = :k',
      ExpressionAttributeNames: { '#a': 'at' }, ExpressionAttributeValues: { ':d': 'q', ':low': 10, ':high': 19, ':k': 'odd' },
      ProjectionExpression: '#a',
    }
    const found = await send(new QueryCommand(query))
    assert.deepEqual(found.Items, [11, 13, 15, 17, 19].map((at) => ({ at })))
    assert.equal(found.ScannedCount, 10)
    let count = 0
    const byDevice = { TableName, KeyConditionExpression: 'device = :d', ExpressionAttributeValues: { ':d': 'q' } }
    for await (const page of paginateQuery({ client: documents, pageSize: 7 }, { ...byDevice })) count += page.Count
    assert.equal(count, 100)
    const byLevel = await send(new QueryCommand({ ...byDevice, IndexName: 'by_level', Limit: 3, ConsistentRead: true }))
    assert.deepEqual(byLevel.Items.map((item) => item.level), [0, 1, 2])
    count = 0
    const odd = { TableName, FilterExpression: 'kind = :k', ExpressionAttributeValues: { ':k': 'odd' } }
    for await (const page of paginateScan({ client: documents, pageSize: 30 }, { ...odd })) count += page.Count
    assert.equal(count, 50)
    const parts = await Promise.all([0, 1, 2].map((Segment) => send(new ScanCommand({ ...odd, Segment, TotalSegments: 3 }))))
    assert.equal(parts.reduce((sum, part) => sum + part.Count, 0), 50)
    const got = await send(new BatchGetCommand({
      RequestItems: { [TableName]: { Keys: [{ device: 'q', at: 1 }, { device: 'q', at: 1000 }], ProjectionExpression: 'kind' } },
    }))
    assert.deepEqual(got.Responses[TableName], [{ kind: 'odd' }])
  },
  async 'errors are of their own classes'() {
    await assert.rejects(send(new GetCommand({ TableName: 'absent', Key: { x: 1 } })), { name: 'ResourceNotFoundException' })
    await assert.rejects(send(new GetCommand({ TableName, Key: { device: 'q' } })), {
      name: 'ValidationException', message: 'The provided key element does not match the schema',
    })
  },
}

await client.send(new CreateTableCommand({
  TableName, BillingMode: 'PAY_PER_REQUEST',
  KeySchema: [{ AttributeName: 'device', KeyType: 'HASH' }, { AttributeName: 'at', KeyType: 'RANGE' }],
  AttributeDefinitions: [['device', 'S'], ['at', 'N'], ['level', 'N']].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
  LocalSecondaryIndexes: [{
    IndexName: 'by_level', Projection: { ProjectionType: 'ALL' },
    KeySchema: [{ AttributeName: 'device', KeyType: 'HASH' }, { AttributeName: 'level', KeyType: 'RANGE' }],
  }],
}))
await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName })
let failed = 0
for (const [name, check] of Object.entries(checks)) {
  try {
    await check()
    console.log(`ok      ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${name}\n${error.stack}`)
  }
}
assert.equal((await client.send(new DescribeTableCommand({ TableName }))).Table.LocalSecondaryIndexes.length, 1)
await client.send(new DeleteTableCommand({ TableName }))
await waitUntilTableNotExists({ client, maxWaitTime: 60 }, { TableName })
const total = Object.keys(checks).length
console.log(`${total - failed} of ${total} checks passed`)
process.exit(failed ? 1 : 0)
