// The client that wsdl-tsclient generated, called in its own types: print what it read of each operation.
import { createClientAsync, C06Client } from "./generated/c06";
import { enquiry, login } from "./calls.cjs";

async function main(base: string, user: string, secret: string): Promise<void> {
  const client: C06Client = await createClientAsync(`${base}/soap?wsdl`);
  const signed = (operation: string) => {
    for (const [name, value] of Object.entries(login(`${base}/soap`, user, secret))) {
      client.addHttpHeader(name, value);
    }
    return enquiry("ts", operation);
  };
  const [verdict] = await client.XacThucThongTinCongDanAsync(signed("XacThucThongTinCongDan"));
  const [record] = await client.TraCuuThongTinCongDanAsync(signed("TraCuuThongTinCongDan"));
  const [marital] = await client.XacMinhTinhTrangHonNhanAsync(signed("XacMinhTinhTrangHonNhan"));
  const [relatives] = await client.XacMinhThongTinNhanThanAsync(signed("XacMinhThongTinNhanThan"));
  const [household] = await client.CungCapThongTinHoGiaDinhAsync(signed("CungCapThongTinHoGiaDinh"));

  // The types say that a member's name is text: this line does not compile where they say otherwise.
  const names: string[] = (household.CongDan?.[0].ThanhVien ?? []).map((member) => member.HoVaTen ?? "");
  const answers = {
    XacThucThongTinCongDan: verdict,
    TraCuuThongTinCongDan: record,
    XacMinhTinhTrangHonNhan: marital,
    XacMinhThongTinNhanThan: relatives,
    CungCapThongTinHoGiaDinh: household,
  };
  console.log(JSON.stringify({ ...answers, names }));
}

void main(process.argv[2], process.argv[3], process.argv[4]);
