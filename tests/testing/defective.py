"""Backends with one defect each, and the promise that it breaks; and one of each kind without."""

from __future__ import annotations

import contextlib
import copy
import hmac
import io
import posixpath
import time
from dataclasses import dataclass, replace

from chevupload.errors import ChevuploadError, FileExists, FileMissing, StorageError
from chevupload.keys import digest, new_key
from chevupload.model import Album, ApiKey, Category, Principal
from chevupload.policy.quota import UNLIMITED, Usage
from chevupload.policy.restrictions import NO_RESTRICTIONS
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.testing.records import NOW

KEY = "The key of user 42"


class FromTheBeginning(MemoryStorage):
    """Stores what was read before, too."""

    breaks = "test_a_file_comes_back_from_where_it_was_to_its_end"

    def save(self, path, file, *, headers):
        if isinstance(file, io.BytesIO):
            file.seek(0)
        super().save(path, file, headers=headers)


class Closing(MemoryStorage):
    """Closes the caller's file."""

    breaks = "test_a_file_comes_back_from_where_it_was_to_its_end"

    def save(self, path, file, *, headers):
        with file:
            super().save(path, file, headers=headers)


class OnePiece(MemoryStorage):
    """Takes the first piece for the whole."""

    breaks = "test_a_large_file_is_stored_whole"

    def save(self, path, file, *, headers):
        super().save(path, io.BytesIO(file.read(1_000_000)), headers=headers)


class NothingIsMissing(MemoryStorage):
    """Takes an empty file for a missing one."""

    breaks = "test_an_empty_file_is_a_file"

    def exists(self, path):
        return bool(self._files.get(path))


class NoFolders(MemoryStorage):
    """Keeps files of one name in different folders as one."""

    breaks = "test_many_threads_store_and_read"

    def save(self, path, file, *, headers):
        super().save(posixpath.basename(path), file, headers=headers)

    def open(self, path, part=None):
        return super().open(posixpath.basename(path), part)

    def exists(self, path):
        return super().exists(posixpath.basename(path))

    def delete(self, path):
        super().delete(posixpath.basename(path))


class OwnErrors(MemoryStorage):
    """Raises its library's errors for missing files."""

    breaks = "test_what_is_missing_is_missing"

    def open(self, path, part=None):
        return io.BytesIO(self._files[path])


class DeletesOnce(MemoryStorage):
    """Fails on what is gone already."""

    breaks = "test_deleting_removes_that_file_only_and_may_be_repeated"

    def delete(self, path):
        if path not in self._files:
            raise FileMissing(path)
        super().delete(path)


class DeletesFirst(MemoryStorage):
    """Removes the first one of many."""

    breaks = "test_many_are_removed_at_once"

    def delete_many(self, paths):
        for path in paths[:1]:
            self.delete(path)
        return {}


class DeletesPrefixes(MemoryStorage):
    """Deletes what begins alike."""

    breaks = "test_deleting_removes_that_file_only_and_may_be_repeated"

    def delete(self, path):
        for other in [other for other in self._files if other.startswith(path)]:
            del self._files[other]


class Growing(MemoryStorage):
    """Shows files while they come, and keeps the half of them that came."""

    breaks = "test_a_file_appears_as_a_whole"
    also_breaks = "test_nothing_stays_of_a_failed_save"

    def save(self, path, file, *, headers):
        try:
            self._files[path] = b""
            while data := file.read(65_536):
                self._files[path] += data
        except ChevuploadError:
            raise
        except Exception as error:
            raise StorageError("failed") from error


class FaultForRefusal(MemoryStorage):
    """Takes the client's fault for its own."""

    breaks = "test_a_refusal_passes_through"

    def save(self, path, file, *, headers):
        try:
            super().save(path, file, headers=headers)
        except ChevuploadError as error:
            raise StorageError("failed") from error


class Mixing(MemoryStorage):
    """Writes over the beginning of an existing file."""

    breaks = "test_a_taken_path_is_replaced_or_refused"

    def save(self, path, file, *, headers):
        before = self._files.get(path, b"")
        super().save(path, file, headers=headers)
        self._files[path] += before[len(self._files[path]) :]


class OneReader(MemoryStorage):
    """Hands all readers the same file."""

    breaks = "test_a_stored_file_is_read_from_any_place"

    def __init__(self):
        super().__init__()
        self._opened = {}

    def open(self, path, part=None):
        file = self._opened.setdefault(path, super().open(path, part))
        file.seek(0)
        return file


class RelativeUrls(MemoryStorage):
    """Gives half an address."""

    breaks = "test_url_is_none_or_a_whole_address"

    def url(self, path):
        return f"/files/{path}"


class FoldersAreFiles(MemoryStorage):
    """Takes a folder for a file."""

    breaks = "test_a_folder_is_no_file"

    def exists(self, path):
        return any(other == path or other.startswith(f"{path}/") for other in self._files)


class Forgetful(MemoryStorage):
    """Says that it refuses a taken path, and replaces it."""

    breaks = "test_a_taken_path_is_replaced_or_refused"

    def save(self, path, file, *, headers):
        is_taken = path in self._files
        super().save(path, file, headers=headers)
        if is_taken:
            raise FileExists(path)


class ReplacesAtOnce(MemoryStorage):
    """Removes what was there before it has read what comes."""

    breaks = "test_a_file_is_replaced_as_a_whole"

    def replace(self, path, file, *, headers):
        self.delete(path)
        self.save(path, file, headers=headers)


STORAGES = (
    MemoryStorage,
    *(FromTheBeginning, Closing, OnePiece, NothingIsMissing, NoFolders, OwnErrors, DeletesOnce, DeletesPrefixes),
    *(Growing, FaultForRefusal, Mixing, OneReader, RelativeUrls, FoldersAreFiles, Forgetful, ReplacesAtOnce),
)


class SoundCatalog(MemoryCatalog):
    """Has no defect."""

    def __init__(self):
        super().__init__(albums=[Album("album", "user", "Cats")], categories=[Category(1, "Animals")])


class AbandonsReady(SoundCatalog):
    """Takes away what became ready."""

    breaks = "test_abandon_takes_what_is_pending_and_nothing_else"

    def abandon(self, upload_id):
        return self.withdraw(upload_id)


class ForgetsExpiry(SoundCatalog):
    """Takes everything for expired."""

    breaks = "test_expired_ones_are_withdrawn"

    def withdraw_expired(self, *, now, limit, after=None):
        found = list(self.uploads())[:limit]
        return [upload for upload in found if self.withdraw(upload.id)]


class ShowsPending(SoundCatalog):
    """Shows uploads before their files are there."""

    breaks = "test_pending_is_invisible"

    def get(self, upload_id):
        record = self._records.get(upload_id)
        return record.upload if record is not None and record.state != "deleting" else None


class ExactNames(SoundCatalog):
    """Gives one name twice, in two cases."""

    breaks = "test_ids_differ_by_case_and_names_do_not"

    def reserve(self, upload):
        super().reserve(replace(upload, name="".join(f"^{c}" if c.isupper() else c for c in upload.name)))


class Freeing(SoundCatalog):
    """Gives the name of a deleted upload to the next one."""

    breaks = "test_withdrawn_is_gone_and_its_name_is_not_used_again"

    def forget(self, uploads):
        super().forget(uploads)
        self._forgotten.clear()


class Reviving(SoundCatalog):
    """Publishes what was withdrawn."""

    breaks = "test_publish_needs_a_pending_upload"

    def publish(self, upload_id):
        if record := self._records.get(upload_id):
            record.state = "pending"
        super().publish(upload_id)


class ByDate(SoundCatalog):
    """Orders by the date that an upload shows."""

    breaks = "test_an_owners_uploads_are_listed_from_the_newest"

    def owned(self, owner_id, *, now, limit, before=None):
        found = super().owned(owner_id, now=now, limit=1_000, before=before)
        return sorted(found, key=lambda upload: upload.created_at, reverse=True)[:limit]


class BySecond(SoundCatalog):
    """Leaves out what came in the second of the last page's end."""

    breaks = "test_pages_of_an_owners_uploads_leave_none_out_and_repeat_none"

    def owned(self, owner_id, *, now, limit, before=None):
        found = super().owned(owner_id, now=now, limit=1_000)
        return [one for one in found if before is None or one.received_at < before.received_at][:limit]


class ByPosition(SoundCatalog):
    """Finds its place by the last page's upload, which may be gone."""

    breaks = "test_what_happens_between_two_pages_moves_none_of_them"

    def owned(self, owner_id, *, now, limit, before=None):
        found = super().owned(owner_id, now=now, limit=1_000)
        ids = [upload.id for upload in found]
        start = ids.index(before.id) + 1 if before and before.id in ids else 0
        return found[start : start + limit]


class ShowsExpired(SoundCatalog):
    """Shows an owner what has expired."""

    breaks = "test_an_owner_is_shown_their_own_living_uploads_only"

    def owned(self, owner_id, *, now, limit, before=None):
        return super().owned(owner_id, now=NOW.replace(year=1), limit=limit, before=before)


class LosesViews(SoundCatalog):
    """Counts views of what cannot be viewed."""

    breaks = "test_views_are_counted_for_ready_uploads"

    def add_views(self, counts):
        for upload_id, count in counts.items():
            if record := self._records.get(upload_id):
                record.upload = replace(record.upload, views=record.upload.views + count)


class ForgetsRequests(SoundCatalog):
    """Makes as many uploads of a request as come."""

    breaks = "test_a_request_makes_one_upload"

    def requested(self, request_digest):
        return None


class KeepsRequests(SoundCatalog):
    """Answers with what was deleted."""

    breaks = "test_a_request_is_free_again_when_its_upload_is_withdrawn"

    def _of_request(self, digest):
        found = [record.upload for record in self._records.values() if record.upload.request_digest == digest]
        return found[0] if found else None


class ClaimsTwice(SoundCatalog):
    """Gives one upload to every sweep."""

    breaks = "test_what_is_to_be_removed_is_claimed_by_one"

    def claim(self, *, now, since, limit, after=None):
        return super().claim(now=now, since=now, limit=limit, after=after)


class NoTags(SoundCatalog):
    """Sorts tags."""

    breaks = "test_a_record_comes_back_as_it_went_in"

    def reserve(self, upload):
        super().reserve(replace(upload, tags=tuple(sorted(upload.tags))))


class KeepsAlbums(SoundCatalog):
    """Leaves a user's albums to the next one of that id."""

    breaks = "test_albums_end_with_their_owner"

    def forget_albums(self, owner_id):
        pass


class ShowsAlbums(SoundCatalog):
    """Lists the albums of everybody."""

    breaks = "test_albums_are_listed_by_their_owner"

    def owned_albums(self, owner_id, *, limit, after=None):
        return super().owned_albums("user", limit=limit, after=after)


class MixesAlbums(SoundCatalog):
    """Takes a title for another that differs by case."""

    breaks = "test_an_owners_titles_differ"

    def find_album(self, owner_id, title):
        return super().find_album(owner_id, title.title())


class ReturnsOthers(SoundCatalog):
    """Returns duplicates of guests, too."""

    breaks = "test_duplicates_are_returned"

    def duplicates(self, md5, *, field, owner_id, now, limit):
        found = (
            super(ReturnsOthers, self).duplicates(md5, field=field, owner_id=owner, now=now, limit=limit)
            for owner in (owner_id, None)
        )
        return [upload for page in found for upload in page]


class KeepsRefusedAlbums(SoundCatalog):
    """Keeps the album of an upload that is refused."""

    breaks = "test_an_upload_brings_its_album"

    def reserve(self, upload, *, album=None):
        if album is not None:
            self.add_album(album)
        super().reserve(upload)


class EmptiesAlbums(SoundCatalog):
    """Takes uploads out of an album that are another owner's."""

    breaks = "test_uploads_leave_an_album_in_pages"

    def clear_album(self, album, *, limit):
        return sum(
            super(EmptiesAlbums, self).clear_album(replace(album, owner_id=one), limit=limit)
            for one in ("user", "other")
        )


CATALOGS = (
    SoundCatalog,
    ReturnsOthers,
    KeepsRefusedAlbums,
    EmptiesAlbums,
    MixesAlbums,
    ShowsAlbums,
    KeepsAlbums,
    AbandonsReady,
    ClaimsTwice,
    ForgetsExpiry,
    ForgetsRequests,
    KeepsRequests,
    *(ShowsPending, ExactNames, Freeing, Reviving, ByDate, BySecond, ByPosition, ShowsExpired, LosesViews, NoTags),
)


class FreesUses(SoundCatalog):
    """Lets the next one upload when the first one's picture is deleted."""

    breaks = "test_a_use_stays_taken_when_its_upload_is_gone"

    def forget(self, uploads):
        super().forget(uploads)
        for upload in uploads:
            self.free(upload.request_digest)


class KeepsUses(SoundCatalog):
    """Counts what was not stored."""

    breaks = "test_what_was_not_stored_frees_its_use"

    def free(self, digest):
        pass


class CountsWhatIsLive(SoundCatalog):
    """Gives room back for what is deleted while its files are still there."""

    breaks = "test_an_upload_counts_from_its_reservation_until_it_is_forgotten"

    def _used(self, owner_id, counted):
        live = {id_: record for id_, record in self._records.items() if record.state != "deleting"}
        everything, self._records = self._records, live
        found = super()._used(owner_id, counted)
        self._records = everything
        return found


class LooksFirst(SoundCatalog):
    """Looks for room before it reserves, so that everybody who comes at that moment is let in."""

    breaks = "test_twelve_threads_store_what_fits_and_not_a_byte_more"

    def reserve(self, upload, *, counted=None, quota=UNLIMITED):
        if counted is not None:
            quota.check(self.usage(upload.owner_id, counted=counted), Usage.of(upload, counted))
            time.sleep(0.01)
        super().reserve(upload)


class AsksRequestsForRoom(SoundCatalog):
    """Refuses a repeated request, which has its answer already."""

    breaks = "test_a_request_that_is_taken_is_told_before_a_quota_is"

    def reserve(self, upload, *, counted=None, quota=UNLIMITED):
        if counted is not None:
            quota.check(self.usage(upload.owner_id, counted=counted), Usage.of(upload, counted))
        super().reserve(upload, counted=counted, quota=quota)


class CountsThumbnails(SoundCatalog):
    """Counts every file, whatever the site counts."""

    breaks = "test_derived_files_count_where_all_do"

    def _used(self, owner_id, counted):
        return super()._used(owner_id, "all")


USAGE_CATALOGS = (SoundCatalog, CountsWhatIsLive, LooksFirst, AsksRequestsForRoom, CountsThumbnails)

TICKET_CATALOGS = (SoundCatalog, FreesUses, KeepsUses)


class TellsOfNothing(SoundCatalog):
    """Keeps the event of a change that was not made."""

    breaks = "test_no_event_without_its_change"

    def withdraw(self, upload_id, *, event=None):
        found = super().withdraw(upload_id, event=event)
        if not found and event is not None:
            number = next(self._numbers)
            self._events[number] = replace(event, number=number)
        return found


class Disordered(SoundCatalog):
    """Gives a later event of an upload before the earlier one was told."""

    breaks = "test_events_of_an_upload_keep_their_order"

    def claim_events(self, *, now, until, limit):
        due = [event for event in self._events.values() if event.next_at <= now][:limit]
        claimed = [replace(event, attempt=event.attempt + 1, next_at=until) for event in due]
        self._events |= {event.number: event for event in claimed}
        return claimed


class Lending(SoundCatalog):
    """Gives an event to everybody who asks."""

    breaks = "test_a_claim_ends"
    also_breaks = "test_one_caller_claims_an_event"

    def claim_events(self, *, now, until, limit):
        before = dict(self._events)
        claimed = super().claim_events(now=now, until=until, limit=limit)
        self._events = before
        return claimed


class RevivesEvents(SoundCatalog):
    """Keeps again what was told."""

    breaks = "test_what_is_told_is_gone"

    def settle_events(self, *, told, later):
        super().settle_events(told=told, later=later)
        self._events |= {event.number: event for event in later}


EVENT_CATALOGS = (SoundCatalog, TellsOfNothing, Disordered, Lending, RevivesEvents)


class LosesMoves(SoundCatalog):
    """Changes a storage, and forgets where the files were."""

    breaks = "test_a_move_changes_the_storage"

    def switch_storage(self, upload, target, *, now):
        is_switched = super().switch_storage(upload, target, now=now)
        self.end_moves(self.moves([upload.id]))
        return is_switched


class LendsMoves(SoundCatalog):
    """Lets a move begin again whose files are being removed."""

    breaks = "test_what_is_claimed_ends"

    def begin_move(self, move):
        self._claimed_moves.discard(move.upload_id)
        return super().begin_move(move)


MOVABLE_CATALOGS = (SoundCatalog, LosesMoves, LendsMoves)


class SoundKeys:
    """Has no defect."""

    def __init__(self):
        self._digest = digest(KEY)

    def authenticate(self, key, environ):
        return Principal(user_id="42") if self.is_right(key, environ) else None

    def is_right(self, key, environ):
        return digest(key) == self._digest


class Raising(SoundKeys):
    """Compares texts in constant time, which fails on accents."""

    breaks = "test_an_unknown_key_is_refused_whatever_it_is_made_of"

    def is_right(self, key, environ):
        return hmac.compare_digest(key, KEY)


class Encoding(SoundKeys):
    """Encodes what cannot be encoded."""

    breaks = "test_an_unknown_key_is_refused_whatever_it_is_made_of"

    def is_right(self, key, environ):
        return key.encode() == KEY.encode()


class Lenient(SoundKeys):
    """Takes blanks off."""

    breaks = "test_a_near_miss_is_refused"

    def is_right(self, key, environ):
        return key.strip() == KEY


class Folding(SoundKeys):
    """Compares without regard to case."""

    breaks = "test_a_near_miss_is_refused"

    def is_right(self, key, environ):
        return key.lower() == KEY.lower()


class Patterns(SoundKeys):
    """Looks keys up by how they begin."""

    breaks = "test_a_near_miss_is_refused"

    def is_right(self, key, environ):
        return len(key) > 3 and KEY.startswith(key)


class TakesDigests(SoundKeys):
    """Opens for what a leaked database holds."""

    breaks = "test_a_near_miss_is_refused"

    def is_right(self, key, environ):
        return self._digest in (key, digest(key))


class Reading(SoundKeys):
    """Reads the body."""

    breaks = "test_the_body_is_not_read"

    def is_right(self, key, environ):
        with contextlib.suppress(AssertionError):
            environ["wsgi.input"].read()
        return super().is_right(key, environ)


@dataclass
class Printing:
    """Shows its key."""

    breaks = "test_no_key_is_printed"
    key: str = KEY

    def authenticate(self, key, environ):
        return Principal(user_id="42") if digest(key) == digest(self.key) else None


class Shared(SoundKeys):
    """Opens for what was good once."""

    breaks = "test_a_key_that_was_good_once_is_refused_like_an_unknown_one"

    def is_right(self, key, environ):
        return key in (KEY, "revoked")


class Numbers(SoundKeys):
    """Knows users by number."""

    breaks = "test_a_usable_key_stands_for_its_owner"

    def authenticate(self, key, environ):
        return Principal(user_id=42) if self.is_right(key, environ) else None


class OtherLimits(SoundKeys):
    """Gives a user more by the id than with a key."""

    breaks = "test_a_user_is_the_same_by_the_id"

    def principal(self, user_id):
        return Principal(user_id=user_id, is_admin=True)


KEYS = (
    SoundKeys,
    OtherLimits,
    Raising,
    Encoding,
    Lenient,
    Folding,
    Patterns,
    TakesDigests,
    Reading,
    Printing,
    Shared,
    Numbers,
)


class SoundStore:
    """Has no defect."""

    def __init__(self):
        self.keys = {}

    def add_key(self, user_id, *, label="", style="chevereto", expires_at=None, restrictions=NO_RESTRICTIONS):
        made = new_key(style)
        self.keys[digest(made.key)] = ApiKey(
            id=made.id,
            user_id=user_id,
            label=label,
            style=style,
            created_at=NOW,
            expires_at=expires_at,
            revoked_at=None,
            restrictions=restrictions,
        )
        return made

    def keys_of(self, user_id):
        return [key for key in self.keys.values() if key.user_id == user_id]

    def revoke_key(self, key_id, *, user_id):
        for text, key in self.keys.items():
            if key.id == key_id and key.user_id == user_id and key.revoked_at is None:
                self.keys[text] = replace(key, revoked_at=NOW)
                return True
        return False

    def forget_keys(self, user_id):
        self.keys = {text: key for text, key in self.keys.items() if key.user_id != user_id}

    def authenticate(self, key, environ):
        found = self.keys.get(digest(key))
        if found is None or not found.is_usable(NOW):
            return None
        return Principal(user_id=found.user_id).narrowed(found.restrictions)


class ForgetsByRevoking(SoundStore):
    """Leaves the keys of who is gone in the list."""

    breaks = "test_a_forgotten_users_keys_are_gone"

    def forget_keys(self, user_id):
        for key in self.keys_of(user_id):
            self.revoke_key(key.id, user_id=user_id)


class AnybodyRevokes(SoundStore):
    """Ends the keys of others."""

    breaks = "test_nobody_sees_or_ends_anothers_key"

    def revoke_key(self, key_id, *, user_id):
        return any(super(AnybodyRevokes, self).revoke_key(key_id, user_id=key.user_id) for key in [*self.keys.values()])


class ShowsAll(SoundStore):
    """Lists the keys of others."""

    breaks = "test_nobody_sees_or_ends_anothers_key"

    def keys_of(self, user_id):
        return list(self.keys.values())


class NeverEnds(SoundStore):
    """Opens for revoked and expired keys."""

    breaks = "test_a_revoked_key_opens_nothing_and_stays_in_the_list"
    also_breaks = "test_an_expired_key_opens_nothing_and_stays_in_the_list"

    def authenticate(self, key, environ):
        found = self.keys.get(digest(key))
        return None if found is None else Principal(user_id=found.user_id)


class Removes(SoundStore):
    """Forgets what was revoked."""

    breaks = "test_a_revoked_key_opens_nothing_and_stays_in_the_list"

    def revoke_key(self, key_id, *, user_id):
        before = copy.copy(self.keys)
        self.keys = {t: key for t, key in before.items() if (key.id, key.user_id) != (key_id, user_id)}
        return before != self.keys


class KeepsTexts(SoundStore):
    """Lists the texts of keys."""

    breaks = "test_a_keys_text_is_shown_once"

    def add_key(self, user_id, **values):
        made = super().add_key(user_id, **values)
        self.keys[digest(made.key)] = replace(self.keys[digest(made.key)], id=made.key)
        return made


class OpensAll(SoundStore):
    """Lists what a key is for, and lets it do everything."""

    breaks = "test_a_key_is_for_what_it_was_made_for"

    def authenticate(self, key, environ):
        found = super().authenticate(key, environ)
        return None if found is None else Principal(user_id=found.user_id)


class Trusting(SoundStore):
    """Takes blanks off user ids."""

    breaks = "test_nobody_has_no_keys"

    def keys_of(self, user_id):
        return super().keys_of(user_id.strip())


STORES = (SoundStore, ForgetsByRevoking, AnybodyRevokes, ShowsAll, NeverEnds, Removes, KeepsTexts, OpensAll, Trusting)
