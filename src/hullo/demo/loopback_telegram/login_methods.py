"""auth.* and account.*: a phone number, a code, perhaps a password; and the same login at other data centres."""

from typing import Any

from hullo.demo.loopback_telegram.directory import Member
from hullo.demo.loopback_telegram.rpc import RpcFailure
from hullo.demo.loopback_telegram.srp import GENERATOR
from hullo.demo.loopback_telegram.tl import DH_PRIME, functions, types
from hullo.demo.loopback_telegram.world import EXPORT_GOOD_FOR, Authorization, Export, World


def send_code(world: World, who: Authorization, request: Any) -> Any:
    """auth.sendCode: the code goes to the owner's other devices; here `Directory.code_sent_to` has it."""
    member = world.directory.by_phone(request.phone_number)
    if member is not None and member.dc != who.dc:
        raise RpcFailure(303, f"PHONE_MIGRATE_{member.dc}")
    code_hash = world.directory.send_code(request.phone_number)
    return types.auth.SentCode(type=types.auth.SentCodeTypeApp(length=5), phone_code_hash=code_hash)


def sign_in(world: World, who: Authorization, request: Any) -> Any:
    """auth.signIn."""
    member = world.directory.sign_in(request.phone_number, request.phone_code_hash, request.phone_code or "")
    if member is None:
        return types.auth.AuthorizationSignUpRequired()
    if member.password is not None:
        who.half_in = member
        raise RpcFailure(401, "SESSION_PASSWORD_NEEDED")
    return _logged_in(world, who, member)


def get_password(world: World, who: Authorization, _request: Any) -> Any:
    """account.getPassword: the parameters of SRP, with a new challenge."""
    member = who.half_in or who.require()
    unknown = {
        "new_algo": types.PasswordKdfAlgoUnknown(),
        "new_secure_algo": types.SecurePasswordKdfAlgoUnknown(),
        "secure_random": world.random(32),
    }
    if member.password is None:
        return types.account.Password(**unknown)
    verifier = world.directory.verifier(member)
    algorithm = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
        salt1=verifier.salt1, salt2=verifier.salt2, g=GENERATOR, p=DH_PRIME.to_bytes(256, "big")
    )
    return types.account.Password(
        **unknown, has_password=True, current_algo=algorithm, srp_B=verifier.b, srp_id=verifier.id, hint="a pet"
    )


def check_password(world: World, who: Authorization, request: Any) -> Any:
    """auth.checkPassword."""
    proof = request.password
    if who.half_in is None or not isinstance(proof, types.InputCheckPasswordSRP):
        raise RpcFailure(400, "PASSWORD_HASH_INVALID")
    world.directory.check_password(who.half_in, proof.srp_id, proof.A, proof.M1)
    return _logged_in(world, who, who.half_in)


def log_out(_world: World, who: Authorization, _request: Any) -> Any:
    """auth.logOut."""
    who.member = None
    return types.auth.LoggedOut()


def export_authorization(world: World, who: Authorization, request: Any) -> Any:
    """auth.exportAuthorization: good once, in the data centre it is for."""
    member = who.require()
    if request.dc_id == who.dc or request.dc_id not in world.addresses:
        raise RpcFailure(400, "DC_ID_INVALID")
    secret = world.random(128)
    world.exports[secret] = Export(member, request.dc_id, world.clock() + EXPORT_GOOD_FOR)
    return types.auth.ExportedAuthorization(id=member.id, bytes=secret)


def import_authorization(world: World, who: Authorization, request: Any) -> Any:
    """auth.importAuthorization."""
    export = world.exports.pop(bytes(request.bytes), None)
    if export is None or export.dc != who.dc or export.member.id != request.id or export.until < world.clock():
        raise RpcFailure(400, "AUTH_BYTES_INVALID")
    return _logged_in(world, who, export.member)


def _logged_in(world: World, who: Authorization, member: Member) -> Any:
    who.member, who.half_in = member, None
    return types.auth.Authorization(user=world.user(member, member.id))


LOGIN_METHODS = {
    functions.auth.SendCode: send_code,
    functions.auth.SignIn: sign_in,
    functions.auth.CheckPassword: check_password,
    functions.auth.LogOut: log_out,
    functions.account.GetPassword: get_password,
    functions.auth.ExportAuthorization: export_authorization,
    functions.auth.ImportAuthorization: import_authorization,
}
