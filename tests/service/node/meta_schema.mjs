// Prints the JSON Schema of OpenRPC documents.
import schema from "@open-rpc/meta-schema";

console.log(JSON.stringify(schema.default ?? schema));
