import { byId } from "./dom.ts";
import { SearchPage } from "./search_page.ts";

new SearchPage().start();

const help = byId("help", HTMLDialogElement);
byId("help-open", HTMLButtonElement).addEventListener("click", () => help.showModal());
