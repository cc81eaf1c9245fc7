// The rooms, in the order of the navigation. A new one is a file here and a line below.
import * as latent from "./latent.js";
import * as map from "./map.js";
import * as restore from "./restore.js";
import * as lesson from "./lesson.js";
import * as share from "./share.js";
import * as search from "./search.js";
import * as outliers from "./outliers.js";
import * as duplicates from "./duplicates.js";
import * as label from "./label.js";
import * as train from "./train.js";

export const rooms = [map, search, outliers, duplicates, label, latent, restore, train, share, lesson];
