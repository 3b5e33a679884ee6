// A file on its way to the upload service (XEP-0363), in sight until it is there.

import { $, fill, make } from './dom.js';

const AT_ONCE = 5; // files of one go

export class Uploads {
  #slot; #done; #notice;

  /**
   * @param {(file: { name: string, size: number, type: string }) => Promise<Frontdesk.Slot>} slot
   * @param {(url: string) => void} done @param {(text: string) => void} notice
   */
  constructor(slot, done, notice) {
    this.#slot = slot;
    this.#done = done;
    this.#notice = notice;
    const chat = $('chat');
    $('attach').hidden = false;
    $('attach').onclick = () => $('file').click();
    $('file').onchange = () => { this.#take($('file').files); $('file').value = ''; };
    $('text').onpaste = (/** @type {ClipboardEvent} */ e) => {
      if (!e.clipboardData?.files.length) return;
      e.preventDefault();
      this.#take(e.clipboardData.files);
    };
    let over = 0; // elements of the chat that the file is above
    const files = (/** @type {DragEvent} */ e) => !chat.hidden && e.dataTransfer?.types.includes('Files');
    addEventListener('dragenter', e => { if (files(e)) { over++; $('drop').hidden = false; } });
    addEventListener('dragleave', e => { if (files(e) && --over <= 0) { over = 0; $('drop').hidden = true; } });
    addEventListener('dragover', e => { if (files(e)) e.preventDefault(); });
    addEventListener('drop', e => {
      over = 0;
      $('drop').hidden = true;
      if (!files(e)) return;
      e.preventDefault();
      this.#take(/** @type {DataTransfer} */ (e.dataTransfer).files);
    });
  }

  /** @param {FileList} files */
  #take(files) { for (const f of [...files].slice(0, AT_ONCE)) this.#send(f); }

  /** @param {File} file */
  async #send(file) {
    const name = file.name || 'file', bar = make('progress', { max: 1, value: 0 });
    bar.setAttribute('aria-label', fill(T.uploading, { name }));
    const request = new XMLHttpRequest();
    const box = make('div', { className: 'upload' }, make('span', { textContent: fill(T.uploading, { name }) }), bar,
      make('button', { type: 'button', textContent: T.stop, onclick() { box.remove(); request.abort(); } }));
    $('uploads').append(box);
    box.scrollIntoView({ block: 'nearest' });
    try {
      const slot = await this.#slot({ name, size: file.size, type: file.type });
      if (!box.isConnected) return; // stopped
      await put(request, slot, file, part => { bar.value = part; });
      this.#done(slot.get);
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      const most = /^max (\d+)/.exec(message);
      if (box.isConnected) this.#notice(most ? fill(T.tooBig, { name, size: `${Math.floor(Number(most[1]) / 1e5) / 10} MB` }) : fill(message === '429' ? T.uploadLater : T.notUploaded, { name }));
    }
    box.remove();
  }
}

/** put sends a file to its slot. @param {XMLHttpRequest} request @param {Frontdesk.Slot} slot @param {File} file @param {(part: number) => void} progress */
function put(request, slot, file, progress) {
  return new Promise((done, failed) => {
    request.open('PUT', slot.put);
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    for (const [name, value] of slot.headers) if (/^(authorization|cookie|expires)$/i.test(name)) request.setRequestHeader(name, value);
    request.upload.onprogress = e => { if (e.lengthComputable) progress(e.loaded / e.total); };
    request.onload = () => { if (request.status < 300) done(undefined); else failed(new Error(String(request.status))); };
    request.onerror = request.onabort = () => failed(new Error('not sent'));
    request.send(file);
  });
}
