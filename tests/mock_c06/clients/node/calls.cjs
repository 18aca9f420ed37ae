// What every client here asks: each of the five operations about one citizen, logged in as C06 wants it.
const { createHash } = require("node:crypto");

const OPERATIONS = {
  XacThucThongTinCongDan: "003",
  TraCuuThongTinCongDan: "037",
  XacMinhTinhTrangHonNhan: "038",
  XacMinhThongTinNhanThan: "039",
  CungCapThongTinHoGiaDinh: "040",
};

function enquiry(client, operation) {
  return {
    MaYeuCau: `${client}-${operation}`.slice(0, 40),
    MaDVC: "G15-TP110",
    MaTichHop: OPERATIONS[operation],
    MaCanBo: "can.bo.01",
    MaDonVi: "000.00.01.H26",
    SoDinhDanh: "001090000123",
    HoVaTen: "NGUYENVANAN",
    NgayThangNamSinh: { NgayThangNam: "19900131" },
  };
}

function login(url, user, secret) {
  const timestamp = String(Date.now());
  const password = createHash("sha256").update(url + user + timestamp + secret).digest("hex");
  const basic = Buffer.from(`${user}:${password}`).toString("base64");
  return { Timestamp: timestamp, Authorization: `Basic ${basic}` };
}

module.exports = { OPERATIONS, enquiry, login };
