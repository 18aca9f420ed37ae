// strong-soap: print what it read of each operation as one JSON object.
const { promisify } = require("node:util");
const { soap } = require("strong-soap");
const { OPERATIONS, enquiry, login } = require("./calls.cjs");

async function main(base, user, secret) {
  const client = await promisify(soap.createClient)(`${base}/soap?wsdl`, {});
  const answers = {};
  for (const operation of Object.keys(OPERATIONS)) {
    const headers = login(`${base}/soap`, user, secret);
    answers[operation] = await promisify(client[operation])(enquiry("strong", operation), {}, headers);
  }
  console.log(JSON.stringify(answers));
}

main(...process.argv.slice(2));
