// node-soap: print what it read of each operation as one JSON object.
const soap = require("soap");
const { OPERATIONS, enquiry, login } = require("./calls.cjs");

async function main(base, user, secret) {
  const client = await soap.createClientAsync(`${base}/soap?wsdl`);
  const answers = {};
  for (const operation of Object.keys(OPERATIONS)) {
    const headers = login(`${base}/soap`, user, secret);
    [answers[operation]] = await client[`${operation}Async`](enquiry("soap", operation), {}, headers);
  }
  console.log(JSON.stringify(answers));
}

main(...process.argv.slice(2));
